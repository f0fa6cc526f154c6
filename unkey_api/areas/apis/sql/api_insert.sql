-- Fails with a duplicate key on a used id, or when the keyspace already belongs to an API.
INSERT INTO apis (id, name, workspace_id, project_id, auth_type, key_auth_id, ip_whitelist, created_at_m)
VALUES (%(id)s, %(name)s, %(workspace_id)s, %(project_id)s, 'key', %(key_auth_id)s, NULL, %(created_at_m)s)
