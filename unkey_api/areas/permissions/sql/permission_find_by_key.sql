-- The permission of a workspace with this id or else this slug, in whatever letter case the slug is written.
SELECT id, project_id, slug, name, description
FROM permissions
WHERE workspace_id = %(workspace_id)s AND (id = %(key)s OR slug = %(key)s)
ORDER BY id = %(key)s DESC
LIMIT 1
