-- Every live workspace, oldest first.
-- No workspace filter: the operator sees all workspaces.
SELECT id, name, slug, enabled, created_at_m FROM workspaces WHERE deleted_at_m IS NULL ORDER BY created_at_m, id
