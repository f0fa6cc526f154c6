-- Rate-limit rollup per hour.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
-- The window keeps a repeated insert into the source from counting twice here, where the server passes repeats on.
CREATE TABLE IF NOT EXISTS ratelimits_per_hour_v2 (
    `time` DateTime,
    `workspace_id` String,
    `namespace_id` String,
    `identifier` String,
    `passed` SimpleAggregateFunction(sum, Int64),
    `total` SimpleAggregateFunction(sum, Int64),
    `total_tokens` SimpleAggregateFunction(sum, Int64),
    `passed_tokens` SimpleAggregateFunction(sum, Int64),
    `latency_avg` AggregateFunction(avg, Float64),
    `latency_p75` AggregateFunction(quantilesTDigest(0.75), Float64),
    `latency_p99` AggregateFunction(quantilesTDigest(0.99), Float64),
    INDEX idx_identifier identifier TYPE bloom_filter GRANULARITY 1
)
ENGINE = AggregatingMergeTree
ORDER BY (workspace_id, namespace_id, time, identifier)
TTL time + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000
