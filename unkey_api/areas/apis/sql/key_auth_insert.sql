-- Fails with a duplicate key on a used id. A new keyspace prescribes neither prefix nor length and keeps no secrets.
INSERT INTO key_auth (id, workspace_id, project_id, created_at_m, default_prefix, default_bytes, store_encrypted_keys)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(created_at_m)s, NULL, NULL, FALSE)
