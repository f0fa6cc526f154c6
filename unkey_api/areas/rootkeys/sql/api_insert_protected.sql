-- The API in front of the operator's keyspace; root keys are found through it like any key.
INSERT INTO apis (id, name, workspace_id, project_id, auth_type, key_auth_id, created_at_m, delete_protection)
VALUES (%(id)s, %(name)s, %(workspace_id)s, %(project_id)s, 'key', %(key_auth_id)s, %(created_at_m)s, true)
