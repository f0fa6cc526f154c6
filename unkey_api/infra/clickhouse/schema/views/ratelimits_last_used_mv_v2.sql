-- Fills ratelimits_last_used_v2 from every block inserted into ratelimits_raw_v2.
CREATE MATERIALIZED VIEW IF NOT EXISTS ratelimits_last_used_mv_v2 TO ratelimits_last_used_v2 AS
SELECT
    max(source.time) AS time,
    source.workspace_id AS workspace_id,
    source.namespace_id AS namespace_id,
    source.identifier AS identifier
FROM ratelimits_raw_v2 AS source
GROUP BY workspace_id, namespace_id, identifier
