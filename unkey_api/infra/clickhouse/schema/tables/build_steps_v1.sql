-- One row per finished step of a deployment build.
CREATE TABLE IF NOT EXISTS build_steps_v1 (
    `step_id` String,
    `started_at` Int64,
    `completed_at` Int64,
    `workspace_id` String,
    `project_id` String,
    `deployment_id` String,
    `name` String,
    `cached` Bool,
    `error` String,
    `has_logs` Bool
)
ENGINE = MergeTree
ORDER BY (workspace_id, project_id, deployment_id)
TTL toDateTime(fromUnixTimestamp64Milli(started_at)) + INTERVAL 3 MONTH
SETTINGS non_replicated_deduplication_window = 10000
