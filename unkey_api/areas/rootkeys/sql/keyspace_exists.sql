-- At most one row: ids are unique. The keyspace with the API through which its keys are found.
SELECT ka.id AS key_auth_id, ka.workspace_id
FROM key_auth ka JOIN apis a ON a.key_auth_id = ka.id AND a.deleted_at_m IS NULL
WHERE ka.id = %(key_auth_id)s AND ka.workspace_id = %(workspace_id)s AND ka.deleted_at_m IS NULL
