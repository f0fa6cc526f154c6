-- Fails with a duplicate key when the workspace has a live identity of this external id; a deleted one is no obstacle.
INSERT INTO identities (id, external_id, workspace_id, project_id, environment, meta, deleted, created_at)
VALUES (%(id)s, %(external_id)s, %(workspace_id)s, %(project_id)s, %(environment)s, %(meta)s, 0, %(created_at)s)
