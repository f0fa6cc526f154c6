-- One row per logged HTTP request of the API service (which requests are left out, and the redaction of headers and bodies: see the platform document); workspace_id is empty when no principal was found.
-- An identical block that is sent again within the last 10000 is dropped, so a repeated insert does not count twice.
CREATE TABLE IF NOT EXISTS api_requests_raw_v2 (
    `request_id` String,
    `time` Int64,
    `workspace_id` String,
    `host` String,
    `method` LowCardinality(String),
    `path` String,
    `query_string` String,
    `query_params` Map(String, Array(String)),
    `request_headers` Array(String),
    `request_body` String,
    `response_status` Int32,
    `response_headers` Array(String),
    `response_body` String,
    `error` String,
    `service_latency` Int64,
    `user_agent` String,
    `ip_address` String,
    `region` LowCardinality(String),
    INDEX idx_request_id request_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (workspace_id, time, request_id)
TTL toDateTime(fromUnixTimestamp64Milli(time)) + INTERVAL 1 MONTH
SETTINGS non_replicated_deduplication_window = 10000
