-- At most one row: org_id is unique. Deleted workspaces never match; disabled ones do, because they have their own answer.
-- No workspace filter: the caller presents an organization, and the workspace is what is asked for.
SELECT id, enabled FROM workspaces WHERE org_id = %(org_id)s AND deleted_at_m IS NULL
