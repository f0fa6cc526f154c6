-- Last use per identifier.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
-- The window keeps a repeated insert into the source from counting twice here, where the server passes repeats on.
-- Read with max(time); newer servers refuse to merge a plain column outside the sorting key.
CREATE TABLE IF NOT EXISTS ratelimits_last_used_v2 (
    `time` SimpleAggregateFunction(max, Int64),
    `workspace_id` String,
    `namespace_id` String,
    `identifier` String
)
ENGINE = AggregatingMergeTree
ORDER BY (workspace_id, namespace_id, identifier)
SETTINGS non_replicated_deduplication_window = 10000
