-- Live root keys, newest first; those acting for one workspace when it is given.
-- No workspace filter: the operator sees the root keys of all workspaces.
SELECT id, start, name, for_workspace_id, enabled, expires, last_used_at, created_at_m FROM `keys`
WHERE for_workspace_id IS NOT NULL AND deleted_at_m IS NULL
  AND (%(for_workspace_id)s = '' OR for_workspace_id = %(for_workspace_id)s)
ORDER BY created_at_m DESC, id
