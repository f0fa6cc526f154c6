-- Notes the end a reroll gave to a key. A key whose end was moved afterwards may be rerolled again, and then the last
-- one counts. The row names its workspace_id.
INSERT INTO key_rerolls (key_id, workspace_id, successor_id, ends_at, created_at_m)
VALUES (%(key_id)s, %(workspace_id)s, %(successor_id)s, %(ends_at)s, %(created_at_m)s)
ON DUPLICATE KEY UPDATE
  successor_id = VALUES(successor_id), ends_at = VALUES(ends_at), created_at_m = VALUES(created_at_m)
