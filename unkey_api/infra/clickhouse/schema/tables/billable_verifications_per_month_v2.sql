-- Billable verifications per workspace and month.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
-- The window keeps a repeated insert into the source from counting twice here, where the server passes repeats on.
CREATE TABLE IF NOT EXISTS billable_verifications_per_month_v2 (
    `year` Int16,
    `month` Int8,
    `workspace_id` String,
    `count` Int64
)
ENGINE = SummingMergeTree
ORDER BY (workspace_id, year, month)
SETTINGS non_replicated_deduplication_window = 10000
