-- Changes at most one row. The caller holds its lock.
-- No workspace filter: the id is the workspace's own.
UPDATE workspaces SET enabled = %(enabled)s, updated_at_m = %(now)s WHERE id = %(id)s
