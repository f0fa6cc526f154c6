-- At most one row: apis.id is unique. Keeps the API from being deleted until the transaction ends; several may hold it.
SELECT id FROM apis
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL LOCK IN SHARE MODE
