-- One row per key verification.
-- An identical block that is sent again within the last 10000 is dropped, so a repeated insert does not count twice.
CREATE TABLE IF NOT EXISTS key_verifications_raw_v2 (
    `request_id` String,
    `time` Int64,
    `workspace_id` String,
    `key_space_id` String,
    `identity_id` String,
    `external_id` String,
    `key_id` String,
    `region` LowCardinality(String),
    `source` LowCardinality(String) DEFAULT 'api',
    `app_id` LowCardinality(String) DEFAULT '',
    `outcome` LowCardinality(String),
    `tags` Array(String) DEFAULT [],
    `spent_credits` Int64,
    `latency` Float64,
    INDEX idx_request_id request_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_identity_id identity_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_external_id external_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_key_id key_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_tags tags TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (workspace_id, time, key_space_id, outcome)
TTL toDateTime(fromUnixTimestamp64Milli(time)) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000
