-- API request rollup per day.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
-- The window keeps a repeated insert into the source from counting twice here, where the server passes repeats on.
CREATE TABLE IF NOT EXISTS api_requests_per_day_v2 (
    `time` Date,
    `workspace_id` String,
    `path` String,
    `response_status` Int32,
    `host` String,
    `method` LowCardinality(String),
    `count` SimpleAggregateFunction(sum, Int64),
    INDEX idx_host host TYPE bloom_filter GRANULARITY 1,
    INDEX idx_path path TYPE bloom_filter GRANULARITY 1,
    INDEX idx_method method TYPE bloom_filter GRANULARITY 1
)
ENGINE = SummingMergeTree
ORDER BY (workspace_id, time, response_status, host, method, path)
TTL time + INTERVAL 100 DAY
SETTINGS non_replicated_deduplication_window = 10000
