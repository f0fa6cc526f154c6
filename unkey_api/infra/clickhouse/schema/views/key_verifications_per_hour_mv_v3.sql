-- Fills key_verifications_per_hour_v3 from every block inserted into key_verifications_per_minute_v3.
CREATE MATERIALIZED VIEW IF NOT EXISTS key_verifications_per_hour_mv_v3 TO key_verifications_per_hour_v3 AS
SELECT
    toStartOfHour(source.time) AS time,
    source.workspace_id AS workspace_id,
    source.key_space_id AS key_space_id,
    source.identity_id AS identity_id,
    source.external_id AS external_id,
    source.key_id AS key_id,
    source.outcome AS outcome,
    source.source AS source,
    source.app_id AS app_id,
    source.tags AS tags,
    sum(source.count) AS count,
    sum(source.spent_credits) AS spent_credits,
    avgMergeState(source.latency_avg) AS latency_avg,
    quantilesTDigestMergeState(0.75)(source.latency_p75) AS latency_p75,
    quantilesTDigestMergeState(0.99)(source.latency_p99) AS latency_p99
FROM key_verifications_per_minute_v3 AS source
GROUP BY workspace_id, time, key_space_id, identity_id, external_id, key_id, outcome, source, app_id, tags
