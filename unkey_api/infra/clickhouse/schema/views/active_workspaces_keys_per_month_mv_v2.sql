-- Fills active_workspaces_per_month_v2 from every block inserted into key_verifications_per_month_v3.
-- Copies rows as they come; the target removes duplicates when it merges.
CREATE MATERIALIZED VIEW IF NOT EXISTS active_workspaces_keys_per_month_mv_v2 TO active_workspaces_per_month_v2 AS
SELECT
    source.time AS time,
    source.workspace_id AS workspace_id
FROM key_verifications_per_month_v3 AS source
