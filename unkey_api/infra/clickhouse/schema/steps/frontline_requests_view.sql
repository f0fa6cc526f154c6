-- Fills frontline_requests_per_{step}_v1 from every block inserted into frontline_requests_per_{finer}_v1.
CREATE MATERIALIZED VIEW IF NOT EXISTS frontline_requests_per_{step}_mv_v1 TO frontline_requests_per_{step}_v1 AS
SELECT
    {begin} AS time,
    source.workspace_id AS workspace_id,
    source.project_id AS project_id,
    source.app_id AS app_id,
    source.environment_id AS environment_id,
    source.deployment_id AS deployment_id,
    source.response_status AS response_status,
    sum(source.count) AS count,
    quantileTDigestMergeState(0.5)(source.latency_p50) AS latency_p50,
    quantileTDigestMergeState(0.75)(source.latency_p75) AS latency_p75,
    quantileTDigestMergeState(0.9)(source.latency_p90) AS latency_p90,
    quantileTDigestMergeState(0.95)(source.latency_p95) AS latency_p95,
    quantileTDigestMergeState(0.99)(source.latency_p99) AS latency_p99
FROM frontline_requests_per_{finer}_v1 AS source
GROUP BY time, workspace_id, project_id, app_id, environment_id, deployment_id, response_status
