-- Soft deletion; only a live root key of the workspace changes.
UPDATE `keys` SET deleted_at_m = %(deleted_at_m)s
WHERE id = %(id)s AND for_workspace_id = %(for_workspace_id)s AND deleted_at_m IS NULL
