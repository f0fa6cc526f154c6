-- Fills key_verifications_per_minute_v3 from every block inserted into key_verifications_raw_v2.
CREATE MATERIALIZED VIEW IF NOT EXISTS key_verifications_per_minute_mv_v3 TO key_verifications_per_minute_v3 AS
SELECT
    toStartOfMinute(fromUnixTimestamp64Milli(source.time)) AS time,
    source.workspace_id AS workspace_id,
    source.key_space_id AS key_space_id,
    source.identity_id AS identity_id,
    source.external_id AS external_id,
    source.key_id AS key_id,
    source.outcome AS outcome,
    source.source AS source,
    source.app_id AS app_id,
    source.tags AS tags,
    toInt64(count()) AS count,
    sum(source.spent_credits) AS spent_credits,
    avgState(source.latency) AS latency_avg,
    quantilesTDigestState(0.75)(source.latency) AS latency_p75,
    quantilesTDigestState(0.99)(source.latency) AS latency_p99
FROM key_verifications_raw_v2 AS source
GROUP BY workspace_id, time, key_space_id, identity_id, external_id, key_id, outcome, source, app_id, tags
