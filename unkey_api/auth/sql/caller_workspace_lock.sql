-- At most one row: ids are unique. As committed now, and it stays so until the transaction ends.
-- No workspace filter: the id is the workspace's own.
SELECT id, enabled FROM workspaces WHERE id = %(id)s AND deleted_at_m IS NULL LOCK IN SHARE MODE
