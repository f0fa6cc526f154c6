-- Give a key a permission directly.
INSERT INTO keys_permissions (key_id, permission_id, workspace_id, created_at_m)
VALUES (%(key_id)s, %(permission_id)s, %(workspace_id)s, %(now)s)
