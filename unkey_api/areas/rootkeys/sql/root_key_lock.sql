-- At most one row: ids are unique. As committed now, and nobody else changes it before the transaction ends.
SELECT id, hash, start, name, key_auth_id, workspace_id, for_workspace_id, enabled, expires, created_at_m, last_used_at
FROM `keys`
WHERE id = %(id)s AND for_workspace_id = %(for_workspace_id)s AND deleted_at_m IS NULL
FOR UPDATE
