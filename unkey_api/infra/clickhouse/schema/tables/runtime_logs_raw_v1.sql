-- One row per stdout/stderr line of a deployed instance.
CREATE TABLE IF NOT EXISTS runtime_logs_raw_v1 (
    `time` Int64,
    `log_id` String,
    `inserted_at` Int64 DEFAULT toUnixTimestamp64Milli(now64(3)),
    `severity` LowCardinality(String),
    `message` String,
    `workspace_id` String,
    `project_id` String,
    `environment_id` String,
    `app_id` String,
    `deployment_id` String,
    `k8s_pod_name` String,
    `region` LowCardinality(String),
    `platform` LowCardinality(String),
    `attributes` JSON,
    `attributes_text` String MATERIALIZED toJSONString(attributes),
    `expires_at` DateTime64(3) DEFAULT now64(3) + INTERVAL 90 DAY,
    INDEX idx_workspace_id workspace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_deployment_id deployment_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_message_text_search lower(message) TYPE ngrambf_v1(3, 32768, 2, 0) GRANULARITY 1,
    INDEX idx_attributes_text_search lower(attributes_text) TYPE ngrambf_v1(3, 32768, 2, 0) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(toDateTime(fromUnixTimestamp64Milli(inserted_at)))
ORDER BY (workspace_id, project_id, environment_id, app_id, time, deployment_id, log_id)
TTL toDateTime(expires_at) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1
