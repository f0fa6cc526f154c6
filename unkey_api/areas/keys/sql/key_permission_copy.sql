-- Gives the new key every permission the old one has itself.
INSERT INTO keys_permissions (key_id, permission_id, workspace_id, created_at_m)
SELECT %(new_key_id)s, permission_id, workspace_id, %(now)s FROM keys_permissions
WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s
