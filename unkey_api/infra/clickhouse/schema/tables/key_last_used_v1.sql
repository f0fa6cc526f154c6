-- Last verification per key.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
-- The window keeps a repeated insert into the source from counting twice here, where the server passes repeats on.
-- identity_id is what any one row said; newer servers refuse to merge a plain column outside the sorting key.
CREATE TABLE IF NOT EXISTS key_last_used_v1 (
    `workspace_id` String,
    `key_space_id` String,
    `key_id` String,
    `identity_id` SimpleAggregateFunction(anyLast, String),
    `time` SimpleAggregateFunction(max, Int64),
    `request_id` SimpleAggregateFunction(anyLast, String),
    `outcome` SimpleAggregateFunction(anyLast, LowCardinality(String)),
    `tags` SimpleAggregateFunction(anyLast, Array(String))
)
ENGINE = AggregatingMergeTree
ORDER BY (workspace_id, key_space_id, key_id)
TTL toDateTime(fromUnixTimestamp64Milli(time)) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000
