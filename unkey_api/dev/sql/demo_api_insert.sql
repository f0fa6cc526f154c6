-- An API whose keys live in the given keyspace; both ids are unique.
INSERT INTO apis (id, name, workspace_id, project_id, auth_type, key_auth_id, delete_protection, created_at_m)
VALUES (%(id)s, 'Demo API', %(workspace_id)s, %(project_id)s, 'key', %(keyspace_id)s, false, %(now)s)
