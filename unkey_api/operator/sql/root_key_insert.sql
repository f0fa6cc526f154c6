-- One root key; the hash is unique over all workspaces.
INSERT INTO `keys` (id, key_auth_id, hash, start, workspace_id, for_workspace_id, name, created_at_m, enabled)
VALUES (%(id)s, %(key_auth_id)s, %(hash)s, %(start)s, %(workspace_id)s, %(for_workspace_id)s, %(name)s,
        %(created_at_m)s, true)
