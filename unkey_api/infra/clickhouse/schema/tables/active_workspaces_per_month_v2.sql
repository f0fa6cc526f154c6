-- Workspaces with any verification or rate-limit check in a month.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
-- The window keeps a repeated insert into the source from counting twice here, where the server passes repeats on.
CREATE TABLE IF NOT EXISTS active_workspaces_per_month_v2 (
    `time` Date,
    `workspace_id` String
)
ENGINE = ReplacingMergeTree
ORDER BY (time, workspace_id)
TTL time + INTERVAL 5 YEAR
SETTINGS non_replicated_deduplication_window = 10000
