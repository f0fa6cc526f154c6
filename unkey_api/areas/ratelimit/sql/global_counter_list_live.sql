-- Every window that can still count towards a decision, one row each, split into this region's count and the sum of
-- the others'. No workspace filter: the limiter of a node serves every workspace.
SELECT workspace_id, namespace, identifier, duration_ms, sequence,
  CAST(SUM(CASE WHEN region = %(region)s THEN `count` ELSE 0 END) AS UNSIGNED) AS regional,
  CAST(SUM(CASE WHEN region = %(region)s THEN 0 ELSE `count` END) AS UNSIGNED) AS imported
FROM ratelimit_global_counters
WHERE expires_at > %(now_ms)s
GROUP BY workspace_id, namespace, identifier, duration_ms, sequence
