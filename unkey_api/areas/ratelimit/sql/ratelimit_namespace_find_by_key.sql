-- The namespace of a workspace with this id or else this name, deleted or not.
SELECT id, name, deleted_at_m
FROM ratelimit_namespaces
WHERE workspace_id = %(workspace_id)s AND (id = %(key)s OR name = %(key)s)
ORDER BY id = %(key)s DESC
LIMIT 1
