-- One row per window and region; a count is never lowered, whatever order pushes arrive in. Rows come in key order, so
-- concurrent pushers lock in the same order.
INSERT INTO ratelimit_global_counters
  (workspace_id, namespace, identifier, duration_ms, sequence, region, `count`, expires_at, updated_at)
VALUES
  (%(workspace_id)s, %(namespace)s, %(identifier)s, %(duration_ms)s, %(sequence)s, %(region)s, %(count)s,
   %(expires_at)s, %(updated_at)s)
ON DUPLICATE KEY UPDATE `count` = GREATEST(`count`, VALUES(`count`)), updated_at = VALUES(updated_at)
