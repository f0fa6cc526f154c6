-- One keyspace for root keys.
INSERT INTO key_auth (id, workspace_id, project_id, created_at_m, store_encrypted_keys, default_prefix)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(created_at_m)s, false, 'unkey')
