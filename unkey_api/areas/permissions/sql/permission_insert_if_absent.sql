-- Affects one row per permission created; one whose slug is taken, in whatever letter case, is left as it is.
INSERT INTO permissions (id, workspace_id, project_id, name, slug, description, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(name)s, %(slug)s, %(description)s, %(created_at_m)s)
ON DUPLICATE KEY UPDATE slug = slug
