-- Fails with a duplicate key when the workspace has a project of this slug.
INSERT INTO projects (id, workspace_id, name, slug, delete_protection, created_at)
VALUES (%(id)s, %(workspace_id)s, %(name)s, %(slug)s, %(delete_protection)s, %(created_at)s)
