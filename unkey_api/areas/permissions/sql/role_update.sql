-- Fails with a duplicate key when another role of the workspace has this name; its own in another letter case is fine.
-- The caller holds the lock.
UPDATE roles SET name = %(name)s, description = %(description)s, updated_at_m = %(now)s
WHERE id = %(id)s AND workspace_id = %(workspace_id)s
