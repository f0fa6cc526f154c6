-- At most one row: ids are unique. Locked until the end of the transaction; deleted workspaces never match.
-- No workspace filter: the id is the workspace's own.
SELECT id, name, slug, org_id, enabled, delete_protection, created_at_m FROM workspaces
WHERE id = %(id)s AND deleted_at_m IS NULL
FOR UPDATE
