-- A keyspace that may hold recoverable keys; its id is unique.
INSERT INTO key_auth (id, workspace_id, project_id, store_encrypted_keys, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, true, %(now)s)
