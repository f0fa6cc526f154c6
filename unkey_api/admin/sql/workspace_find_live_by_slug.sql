-- At most one row: slugs are unique.
-- No workspace filter: the slug names the workspace.
SELECT id, name, slug, enabled, created_at_m FROM workspaces WHERE slug = %(slug)s AND deleted_at_m IS NULL
