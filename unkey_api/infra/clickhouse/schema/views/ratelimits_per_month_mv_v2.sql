-- Fills ratelimits_per_month_v2 from every block inserted into ratelimits_per_day_v2.
CREATE MATERIALIZED VIEW IF NOT EXISTS ratelimits_per_month_mv_v2 TO ratelimits_per_month_v2 AS
SELECT
    toStartOfMonth(source.time) AS time,
    source.workspace_id AS workspace_id,
    source.namespace_id AS namespace_id,
    source.identifier AS identifier,
    sum(source.passed) AS passed,
    sum(source.total) AS total,
    sum(source.total_tokens) AS total_tokens,
    sum(source.passed_tokens) AS passed_tokens,
    avgMergeState(source.latency_avg) AS latency_avg,
    quantilesTDigestMergeState(0.75)(source.latency_p75) AS latency_p75,
    quantilesTDigestMergeState(0.99)(source.latency_p99) AS latency_p99
FROM ratelimits_per_day_v2 AS source
GROUP BY workspace_id, namespace_id, time, identifier
