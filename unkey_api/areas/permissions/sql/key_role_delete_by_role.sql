-- Takes a role from all keys.
DELETE FROM keys_roles WHERE role_id = %(role_id)s AND workspace_id = %(workspace_id)s
