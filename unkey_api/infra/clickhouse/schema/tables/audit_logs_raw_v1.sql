-- One row per audit event.
-- An identical block that is sent again within the last 10000 is dropped, so a repeated insert does not count twice.
CREATE TABLE IF NOT EXISTS audit_logs_raw_v1 (
    `event_id` String,
    `time` Int64,
    `inserted_at` Int64,
    `workspace_id` String,
    `bucket` LowCardinality(String),
    `source` LowCardinality(String) DEFAULT 'platform',
    `event` LowCardinality(String),
    `description` String,
    `actor_type` LowCardinality(String),
    `actor_id` String,
    `actor_name` String,
    `actor_meta` JSON,
    `remote_ip` String,
    `user_agent` String,
    `meta` JSON,
    `meta_text` String MATERIALIZED toJSONString(meta),
    `targets.type` Array(LowCardinality(String)),
    `targets.id` Array(String),
    `targets.name` Array(String),
    `targets.meta` Array(JSON),
    `targets_meta_text` String MATERIALIZED arrayStringConcat(arrayMap(element -> toJSONString(element), `targets.meta`), ' '),
    `correlation_id` String,
    INDEX idx_event event TYPE set(100) GRANULARITY 1,
    INDEX idx_actor_id actor_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_target_id `targets.id` TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_meta_text meta_text TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 4,
    INDEX idx_targets_meta_text targets_meta_text TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 4,
    INDEX idx_correlation_id correlation_id TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(toDateTime(fromUnixTimestamp64Milli(inserted_at)))
ORDER BY (workspace_id, bucket, time, event_id)
TTL toDateTime(fromUnixTimestamp64Milli(inserted_at)) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000
