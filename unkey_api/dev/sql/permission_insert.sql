-- Permissions of the operator's workspace, which root keys are given.
INSERT INTO permissions (id, workspace_id, project_id, name, slug, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(slug)s, %(slug)s, %(now)s)
