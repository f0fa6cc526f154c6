-- Fills ratelimits_per_minute_v2 from every block inserted into ratelimits_raw_v2.
CREATE MATERIALIZED VIEW IF NOT EXISTS ratelimits_per_minute_mv_v2 TO ratelimits_per_minute_v2 AS
SELECT
    toStartOfMinute(fromUnixTimestamp64Milli(source.time)) AS time,
    source.workspace_id AS workspace_id,
    source.namespace_id AS namespace_id,
    source.identifier AS identifier,
    toInt64(countIf(source.passed)) AS passed,
    toInt64(count()) AS total,
    toInt64(sum(source.tokens)) AS total_tokens,
    toInt64(sumIf(source.tokens, source.passed)) AS passed_tokens,
    avgState(source.latency) AS latency_avg,
    quantilesTDigestState(0.75)(source.latency) AS latency_p75,
    quantilesTDigestState(0.99)(source.latency) AS latency_p99
FROM ratelimits_raw_v2 AS source
GROUP BY workspace_id, namespace_id, time, identifier
