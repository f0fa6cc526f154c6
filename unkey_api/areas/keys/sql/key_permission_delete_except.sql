-- Removes the key's links to permissions that are not listed.
DELETE FROM keys_permissions
WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s AND permission_id NOT IN %(permission_ids)s
