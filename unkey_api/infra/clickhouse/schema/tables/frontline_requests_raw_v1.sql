-- One row per request routed by the gateway to a deployment.
-- An identical block that is sent again within the last 10000 is dropped, so a repeated insert does not count twice.
CREATE TABLE IF NOT EXISTS frontline_requests_raw_v1 (
    `request_id` String,
    `time` Int64,
    `workspace_id` String,
    `project_id` String,
    `app_id` String,
    `environment_id` String,
    `frontline_id` String,
    `deployment_id` String,
    `instance_id` String,
    `instance_address` String,
    `region` LowCardinality(String),
    `platform` LowCardinality(String),
    `method` LowCardinality(String),
    `host` String,
    `path` String,
    `query_string` String,
    `query_params` Map(String, Array(String)),
    `request_headers` Array(String),
    `request_body` String,
    `response_status` Int32,
    `response_headers` Array(String),
    `response_body` String,
    `user_agent` String,
    `ip_address` String,
    `total_latency` Int64,
    `instance_latency` Int64,
    `gateway_latency` Int64,
    INDEX idx_request_id request_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_deployment_id deployment_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_instance_id instance_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_frontline_id frontline_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_host host TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_path path TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_path_text_search path TYPE ngrambf_v1(3, 32768, 2, 0) GRANULARITY 1,
    INDEX idx_region region TYPE set(64) GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (workspace_id, project_id, app_id, environment_id, time, deployment_id)
TTL toDateTime(fromUnixTimestamp64Milli(time)) + INTERVAL 7 DAY
SETTINGS non_replicated_deduplication_window = 10000
