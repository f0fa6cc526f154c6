-- Integrated usage per container and hour.
-- Read with FINAL: of the rows of one key the latest computed one counts.
CREATE TABLE IF NOT EXISTS instance_usage_per_hour_v1 (
    `time` DateTime,
    `workspace_id` String,
    `project_id` LowCardinality(String),
    `app_id` LowCardinality(String),
    `environment_id` LowCardinality(String),
    `resource_type` LowCardinality(String),
    `resource_id` LowCardinality(String),
    `container_uid` String,
    `instance_id` LowCardinality(String),
    `cpu_seconds` Float64,
    `memory_gib_hours` Float64,
    `disk_gib_hours` Float64,
    `network_egress_public_bytes` Int64,
    `network_egress_private_bytes` Int64,
    `network_ingress_public_bytes` Int64,
    `network_ingress_private_bytes` Int64,
    `sample_pairs` Int64,
    `computed_at` DateTime DEFAULT now(),
    INDEX idx_app app_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX idx_instance_id instance_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(time)
ORDER BY (workspace_id, resource_id, container_uid, time)
TTL time + INTERVAL 90 DAY
