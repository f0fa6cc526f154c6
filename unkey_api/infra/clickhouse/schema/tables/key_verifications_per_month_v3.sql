-- Verification rollup per month.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
-- The window keeps a repeated insert into the source from counting twice here, where the server passes repeats on.
CREATE TABLE IF NOT EXISTS key_verifications_per_month_v3 (
    `time` Date,
    `workspace_id` String,
    `key_space_id` String,
    `identity_id` String,
    `external_id` String,
    `key_id` String,
    `outcome` LowCardinality(String),
    `source` LowCardinality(String),
    `app_id` LowCardinality(String),
    `tags` Array(String),
    `count` SimpleAggregateFunction(sum, Int64),
    `spent_credits` SimpleAggregateFunction(sum, Int64),
    `latency_avg` AggregateFunction(avg, Float64),
    `latency_p75` AggregateFunction(quantilesTDigest(0.75), Float64),
    `latency_p99` AggregateFunction(quantilesTDigest(0.99), Float64),
    INDEX idx_identity_id identity_id TYPE bloom_filter GRANULARITY 4,
    INDEX idx_key_id key_id TYPE bloom_filter GRANULARITY 4,
    INDEX idx_tags tags TYPE bloom_filter GRANULARITY 4
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(time)
ORDER BY (workspace_id, time, key_space_id, identity_id, external_id, key_id, outcome, tags, source, app_id)
TTL time + INTERVAL 3 YEAR
SETTINGS non_replicated_deduplication_window = 10000
