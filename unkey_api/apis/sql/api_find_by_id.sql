-- At most one row: apis.id is unique. Deleted APIs are returned with their mark.
-- No workspace filter: the caller compares workspace_id and answers for a foreign API as for an absent one.
SELECT id, name, workspace_id, key_auth_id, delete_protection, deleted_at_m FROM apis WHERE id = %(id)s
