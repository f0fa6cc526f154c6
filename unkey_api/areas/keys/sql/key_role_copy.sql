-- Gives the new key every role the old one has.
INSERT INTO keys_roles (key_id, role_id, workspace_id, created_at_m)
SELECT %(new_key_id)s, role_id, workspace_id, %(now)s FROM keys_roles
WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s
