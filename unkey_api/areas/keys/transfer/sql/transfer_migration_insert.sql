-- Fails with a duplicate key when the id is taken, in whatever workspace.
INSERT INTO key_migrations (id, workspace_id, algorithm) VALUES (%(id)s, %(workspace_id)s, %(algorithm)s)
