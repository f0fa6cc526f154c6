-- Fails with a duplicate key when another permission of the workspace has this slug; its own in another letter case is
-- fine. The caller holds the lock.
UPDATE permissions
SET name = %(name)s, slug = %(slug)s, description = %(description)s, updated_at_m = %(now)s
WHERE id = %(id)s AND workspace_id = %(workspace_id)s
