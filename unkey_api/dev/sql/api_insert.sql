-- An API whose keys live in the given keyspace.
INSERT INTO apis (id, name, workspace_id, project_id, auth_type, key_auth_id, delete_protection, created_at_m)
VALUES (%(id)s, %(name)s, %(workspace_id)s, %(project_id)s, 'key', %(keyspace_id)s, %(delete_protection)s, %(now)s)
