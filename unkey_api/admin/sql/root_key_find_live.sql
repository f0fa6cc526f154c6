-- At most one row: ids are unique. An ordinary key never matches.
-- No workspace filter: the operator names the key by its id alone.
SELECT id, start, name, for_workspace_id, enabled, expires, last_used_at, created_at_m FROM `keys`
WHERE id = %(id)s AND for_workspace_id IS NOT NULL AND deleted_at_m IS NULL
