-- Fails with a duplicate key when the id or the hash is taken, the latter in any workspace.
INSERT INTO `keys` (
  id, key_auth_id, hash, start, workspace_id, for_workspace_id, name, identity_id, meta, expires, created_at_m, enabled,
  remaining_requests, refill_day, refill_amount, pending_migration_id
)
VALUES (
  %(id)s, %(key_auth_id)s, %(hash)s, %(start)s, %(workspace_id)s, %(for_workspace_id)s, %(name)s, %(identity_id)s,
  %(meta)s, %(expires)s, %(created_at_m)s, %(enabled)s, %(remaining_requests)s, %(refill_day)s, %(refill_amount)s,
  %(pending_migration_id)s
)
