-- Fills api_requests_per_day_v2 from every block inserted into api_requests_per_hour_v2.
CREATE MATERIALIZED VIEW IF NOT EXISTS api_requests_per_day_mv_v2 TO api_requests_per_day_v2 AS
SELECT
    toDate(source.time) AS time,
    source.workspace_id AS workspace_id,
    source.path AS path,
    source.response_status AS response_status,
    source.host AS host,
    source.method AS method,
    sum(source.count) AS count
FROM api_requests_per_hour_v2 AS source
GROUP BY workspace_id, path, response_status, host, method, time
