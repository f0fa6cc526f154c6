-- At most one row: apis.id is unique. Holds back other changes of the API, and new keys in it, until the transaction ends.
SELECT id, name, workspace_id, key_auth_id, delete_protection FROM apis
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL FOR UPDATE
