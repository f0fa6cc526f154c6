-- At most one row: ids are unique. No row when its API was deleted, since keys of a deleted API do not work.
-- No workspace filter: the id is the caller's own, proved by its secret.
SELECT k.key_auth_id, k.workspace_id
FROM `keys` k
JOIN apis a ON a.key_auth_id = k.key_auth_id AND a.deleted_at_m IS NULL
WHERE k.id = %(id)s AND k.for_workspace_id IS NOT NULL AND k.deleted_at_m IS NULL
