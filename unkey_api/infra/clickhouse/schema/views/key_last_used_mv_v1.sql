-- Fills key_last_used_v1 from every block inserted into key_verifications_raw_v2.
CREATE MATERIALIZED VIEW IF NOT EXISTS key_last_used_mv_v1 TO key_last_used_v1 AS
SELECT
    source.workspace_id AS workspace_id,
    source.key_space_id AS key_space_id,
    source.key_id AS key_id,
    anyLast(source.identity_id) AS identity_id,
    max(source.time) AS time,
    anyLast(source.request_id) AS request_id,
    anyLast(source.outcome) AS outcome,
    anyLast(source.tags) AS tags
FROM key_verifications_raw_v2 AS source
GROUP BY workspace_id, key_space_id, key_id
