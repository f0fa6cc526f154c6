-- One row per rate-limit decision against a namespace.
-- An identical block that is sent again within the last 10000 is dropped, so a repeated insert does not count twice.
CREATE TABLE IF NOT EXISTS ratelimits_raw_v2 (
    `request_id` String,
    `time` Int64,
    `workspace_id` String,
    `namespace_id` String,
    `identifier` String,
    `passed` Bool,
    `latency` Float64,
    `override_id` String,
    `limit` UInt64,
    `remaining` UInt64,
    `reset_at` Int64,
    `tokens` UInt64,
    INDEX idx_request_id request_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_identifier identifier TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (workspace_id, time, namespace_id)
TTL toDateTime(fromUnixTimestamp64Milli(time)) + INTERVAL 1 MONTH
SETTINGS non_replicated_deduplication_window = 10000
