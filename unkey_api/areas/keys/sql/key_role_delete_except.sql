-- Removes the key's links to roles that are not listed.
DELETE FROM keys_roles WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s AND role_id NOT IN %(role_ids)s
