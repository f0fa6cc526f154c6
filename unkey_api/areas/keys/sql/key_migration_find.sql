-- At most one row: (id, workspace_id) is unique. Another workspace's migration does not match.
SELECT id, algorithm FROM key_migrations WHERE id = %(id)s AND workspace_id = %(workspace_id)s
