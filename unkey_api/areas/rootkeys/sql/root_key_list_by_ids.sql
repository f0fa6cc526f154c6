-- Those that are live and act for the workspace, by id.
SELECT id, hash, start, name, key_auth_id, workspace_id, for_workspace_id, enabled, expires, created_at_m, last_used_at
FROM `keys`
WHERE id IN %(ids)s AND for_workspace_id = %(for_workspace_id)s AND deleted_at_m IS NULL
ORDER BY id
