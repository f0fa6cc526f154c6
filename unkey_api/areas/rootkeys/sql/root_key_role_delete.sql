-- Removes links only; the roles stay.
DELETE FROM keys_roles WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s
