-- Live root keys whose secrets begin like this, letter by letter; ordinary keys never match. Goes through the index of
-- for_workspace_id: the table is large, root keys are few.
-- No workspace filter: the operator sees the root keys of all workspaces.
SELECT id, start, name, for_workspace_id, enabled, expires, last_used_at, created_at_m
FROM `keys` FORCE INDEX (idx_keys_on_for_workspace_id)
WHERE for_workspace_id > '' AND deleted_at_m IS NULL
  AND CAST(start AS BINARY) = CAST(%(start)s AS BINARY)
ORDER BY created_at_m DESC, id
