-- One row per log line of a build step.
CREATE TABLE IF NOT EXISTS build_step_logs_v1 (
    `time` Int64,
    `workspace_id` String,
    `project_id` String,
    `deployment_id` String,
    `message` String,
    `step_id` String
)
ENGINE = MergeTree
ORDER BY (workspace_id, project_id, deployment_id, step_id)
TTL toDateTime(fromUnixTimestamp64Milli(time)) + INTERVAL 3 MONTH
SETTINGS non_replicated_deduplication_window = 10000
