-- At most one row matters: all the hashes are of one key. Only keys that wait for this migration of this workspace.
SELECT hash FROM `keys`
WHERE hash IN %(hashes)s AND pending_migration_id = %(migration_id)s AND workspace_id = %(workspace_id)s
  AND deleted_at_m IS NULL
LIMIT 1
