-- The keyspace of the operator workspace: it has exactly one.
SELECT id AS key_auth_id, workspace_id FROM key_auth
WHERE workspace_id = %(workspace_id)s AND deleted_at_m IS NULL ORDER BY pk LIMIT 1
