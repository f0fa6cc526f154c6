-- At most one row: ids are unique.
-- No workspace filter: the id is the workspace's own.
SELECT id, name, slug, enabled, created_at_m FROM workspaces WHERE id = %(id)s AND deleted_at_m IS NULL
