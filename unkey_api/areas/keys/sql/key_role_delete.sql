-- Links of one key to these roles.
DELETE FROM keys_roles WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s AND role_id IN %(role_ids)s
