-- At most one row: apis.id is unique. Deleted APIs are returned with their mark. Holds back other changes of the API, and
-- new keys in it, until the transaction ends.
SELECT id, name, workspace_id, key_auth_id, delete_protection, deleted_at_m FROM apis
WHERE id = %(id)s AND workspace_id = %(workspace_id)s FOR UPDATE
