-- The role of a workspace with this id or else this name, in whatever letter case the name is written.
SELECT id, project_id, name, description
FROM roles
WHERE workspace_id = %(workspace_id)s AND (id = %(key)s OR name = %(key)s)
ORDER BY id = %(key)s DESC
LIMIT 1
