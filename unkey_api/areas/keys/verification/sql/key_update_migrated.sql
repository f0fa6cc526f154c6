-- Finishes the migration of one key. Changes nothing when somebody else has finished it; fails with a duplicate key when
-- the new hash is taken. The caller found the key by its secret within the workspace that owns the migration.
UPDATE `keys`
SET hash = %(hash)s, start = %(start)s, pending_migration_id = NULL, updated_at_m = %(now)s
WHERE id = %(id)s AND pending_migration_id = %(migration_id)s AND workspace_id = %(workspace_id)s
