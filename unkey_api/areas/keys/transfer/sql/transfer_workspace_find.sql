-- At most one row: ids are unique.
-- No workspace filter: the id is the workspace's own.
SELECT id FROM workspaces WHERE id = %(id)s AND deleted_at_m IS NULL
