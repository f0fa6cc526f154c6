-- Fills billable_ratelimits_per_month_v2 from every block inserted into ratelimits_per_month_v2.
CREATE MATERIALIZED VIEW IF NOT EXISTS billable_ratelimits_per_month_mv_v2 TO billable_ratelimits_per_month_v2 AS
SELECT
    toYear(source.time) AS year,
    toMonth(source.time) AS month,
    source.workspace_id AS workspace_id,
    sum(source.passed) AS count
FROM ratelimits_per_month_v2 AS source
GROUP BY workspace_id, year, month
