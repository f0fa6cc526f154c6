-- Permissions that exist keep their id: several callers may add the same ones at once.
INSERT INTO permissions (id, workspace_id, project_id, name, slug, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(name)s, %(slug)s, %(created_at_m)s)
ON DUPLICATE KEY UPDATE slug = VALUES(slug)
