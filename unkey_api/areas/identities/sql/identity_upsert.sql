-- Creates the identity unless the workspace has a live one with this external id, which is then left as it is. Affects one
-- row when it was created and none otherwise. An upsert, because of insert-and-catch concurrent creators deadlock.
INSERT INTO identities (id, external_id, workspace_id, project_id, environment, meta, deleted, created_at)
VALUES (%(id)s, %(external_id)s, %(workspace_id)s, %(project_id)s, %(environment)s, %(meta)s, 0, %(created_at)s)
ON DUPLICATE KEY UPDATE external_id = external_id
