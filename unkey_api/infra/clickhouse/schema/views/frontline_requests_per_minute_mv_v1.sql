-- Fills frontline_requests_per_minute_v1 from every block inserted into frontline_requests_raw_v1.
CREATE MATERIALIZED VIEW IF NOT EXISTS frontline_requests_per_minute_mv_v1 TO frontline_requests_per_minute_v1 AS
SELECT
    toStartOfMinute(toDateTime(fromUnixTimestamp64Milli(source.time))) AS time,
    source.workspace_id AS workspace_id,
    source.project_id AS project_id,
    source.app_id AS app_id,
    source.environment_id AS environment_id,
    source.deployment_id AS deployment_id,
    source.response_status AS response_status,
    toInt64(count()) AS count,
    quantileTDigestState(0.5)(toFloat64(source.total_latency)) AS latency_p50,
    quantileTDigestState(0.75)(toFloat64(source.total_latency)) AS latency_p75,
    quantileTDigestState(0.9)(toFloat64(source.total_latency)) AS latency_p90,
    quantileTDigestState(0.95)(toFloat64(source.total_latency)) AS latency_p95,
    quantileTDigestState(0.99)(toFloat64(source.total_latency)) AS latency_p99
FROM frontline_requests_raw_v1 AS source
GROUP BY time, workspace_id, project_id, app_id, environment_id, deployment_id, response_status
