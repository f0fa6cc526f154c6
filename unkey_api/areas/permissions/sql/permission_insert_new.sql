-- Fails with a duplicate key when the workspace has a permission of this slug, in whatever letter case.
INSERT INTO permissions (id, workspace_id, project_id, name, slug, description, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(name)s, %(slug)s, %(description)s, %(created_at_m)s)
