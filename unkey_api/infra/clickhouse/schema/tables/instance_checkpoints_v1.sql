-- Counter readings per container, raw values (never rates).
-- Read with FINAL: repeated rows stay visible until they are merged.
CREATE TABLE IF NOT EXISTS instance_checkpoints_v1 (
    `node_id` LowCardinality(String),
    `workspace_id` String,
    `project_id` LowCardinality(String),
    `app_id` LowCardinality(String),
    `environment_id` LowCardinality(String),
    `resource_type` LowCardinality(String),
    `resource_id` LowCardinality(String),
    `pod_uid` String,
    `instance_id` String,
    `container_uid` String,
    `restart_count` UInt32,
    `ts` Int64,
    `event_kind` LowCardinality(String),
    `cpu_usage_usec` Int64,
    `memory_bytes` Int64,
    `cpu_allocated_millicores` Int32,
    `memory_allocated_bytes` Int64,
    `disk_allocated_bytes` Int64,
    `disk_used_bytes` Int64,
    `network_egress_public_bytes` Int64,
    `network_egress_private_bytes` Int64,
    `network_ingress_public_bytes` Int64,
    `network_ingress_private_bytes` Int64,
    `region` LowCardinality(String),
    `platform` LowCardinality(String),
    `attributes` JSON,
    INDEX idx_project project_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_app app_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_resource resource_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_ts ts TYPE minmax GRANULARITY 1,
    INDEX idx_instance_id instance_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(toDateTime(fromUnixTimestamp64Milli(ts)))
ORDER BY (workspace_id, container_uid, ts, event_kind)
TTL toDateTime(fromUnixTimestamp64Milli(ts)) + INTERVAL 95 DAY
SETTINGS ttl_only_drop_parts = 1
