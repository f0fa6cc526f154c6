-- Fills billable_verifications_per_month_v2 from every block inserted into key_verifications_per_month_v3.
-- Only what is billed: valid verifications that did not come from the gateway.
CREATE MATERIALIZED VIEW IF NOT EXISTS billable_verifications_per_month_mv_v2 TO billable_verifications_per_month_v2 AS
SELECT
    toYear(source.time) AS year,
    toMonth(source.time) AS month,
    source.workspace_id AS workspace_id,
    sum(source.count) AS count
FROM key_verifications_per_month_v3 AS source
WHERE source.outcome = 'VALID' AND source.source != 'gateway'
GROUP BY workspace_id, year, month
