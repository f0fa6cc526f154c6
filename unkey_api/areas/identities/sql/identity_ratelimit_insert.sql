-- Fails with a duplicate key when the identity has a limit of this name. A plain insert: upserts of many identities at
-- once lock the gaps between them and deadlock. Each row names its workspace_id.
INSERT INTO ratelimits (id, workspace_id, identity_id, name, `limit`, duration, auto_apply, created_at)
VALUES (%(id)s, %(workspace_id)s, %(identity_id)s, %(name)s, %(limit)s, %(duration)s, %(auto_apply)s, %(now)s)
