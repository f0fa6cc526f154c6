-- Gateway request rollup per {step}.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
CREATE TABLE IF NOT EXISTS frontline_requests_per_{step}_v1 (
    `time` DateTime,
    `workspace_id` String,
    `project_id` String,
    `app_id` String,
    `environment_id` String,
    `deployment_id` String,
    `response_status` Int32,
    `count` SimpleAggregateFunction(sum, Int64),
    `latency_p50` AggregateFunction(quantileTDigest(0.5), Float64),
    `latency_p75` AggregateFunction(quantileTDigest(0.75), Float64),
    `latency_p90` AggregateFunction(quantileTDigest(0.9), Float64),
    `latency_p95` AggregateFunction(quantileTDigest(0.95), Float64),
    `latency_p99` AggregateFunction(quantileTDigest(0.99), Float64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (workspace_id, project_id, app_id, environment_id, time, deployment_id, response_status)
TTL time + INTERVAL {kept} DAY
