-- Container lifecycle events.
CREATE TABLE IF NOT EXISTS instance_events_raw_v1 (
    `time` Int64,
    `workspace_id` String,
    `project_id` String,
    `app_id` String,
    `environment_id` String,
    `deployment_id` String,
    `pod_uid` String,
    `pod_name` String,
    `node_name` String,
    `container_name` String,
    `container_id` String,
    `restart_count` Int32,
    `event_kind` LowCardinality(String),
    `exit_code` Int32,
    `signal` Int32,
    `reason` LowCardinality(String),
    `message` String,
    `region` LowCardinality(String),
    `platform` LowCardinality(String),
    `event_fingerprint` String,
    `attributes` JSON,
    `attributes_text` String MATERIALIZED toJSONString(attributes),
    INDEX idx_deployment_id deployment_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_pod_uid pod_uid TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_event_fingerprint event_fingerprint TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_event_kind event_kind TYPE set(16) GRANULARITY 1,
    INDEX idx_message_text_search lower(message) TYPE ngrambf_v1(3, 32768, 2, 0) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(toDateTime(fromUnixTimestamp64Milli(time)))
ORDER BY (workspace_id, project_id, app_id, environment_id, time, deployment_id)
TTL toDateTime(fromUnixTimestamp64Milli(time)) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1
