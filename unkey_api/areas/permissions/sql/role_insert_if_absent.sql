-- Affects one row per role created; one whose name is taken, in whatever letter case, is left as it is.
INSERT INTO roles (id, workspace_id, project_id, name, description, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(name)s, %(description)s, %(created_at_m)s)
ON DUPLICATE KEY UPDATE name = name
