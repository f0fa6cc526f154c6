-- A key of the operator's workspace that acts for another one.
INSERT INTO `keys` (id, key_auth_id, hash, start, workspace_id, for_workspace_id, name, enabled, created_at_m)
VALUES (%(id)s, %(keyspace_id)s, %(hash)s, %(start)s, %(workspace_id)s, %(for_workspace_id)s, 'Demo root key', true, %(now)s)
