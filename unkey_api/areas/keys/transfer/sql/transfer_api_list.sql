-- Live APIs of a workspace that keys can be in.
SELECT a.id, a.name, ka.id AS keyspace_id
FROM apis a JOIN key_auth ka ON ka.id = a.key_auth_id AND ka.deleted_at_m IS NULL
WHERE a.workspace_id = %(workspace_id)s AND a.deleted_at_m IS NULL
ORDER BY a.id
