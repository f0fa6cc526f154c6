-- Fails with a duplicate key when the workspace has a role of this name, in whatever letter case.
INSERT INTO roles (id, workspace_id, project_id, name, description, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(name)s, %(description)s, %(created_at_m)s)
