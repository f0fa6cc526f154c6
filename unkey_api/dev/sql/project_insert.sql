-- The workspace's default project, which everything it owns belongs to.
INSERT INTO projects (id, workspace_id, name, slug, delete_protection, created_at)
VALUES (%(id)s, %(workspace_id)s, 'Default', 'default', true, %(now)s)
