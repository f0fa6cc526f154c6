-- Soft deletion; only a live root key changes.
-- No workspace filter: the operator names the key by its id alone.
UPDATE `keys` SET deleted_at_m = %(deleted_at_m)s
WHERE id = %(id)s AND for_workspace_id IS NOT NULL AND deleted_at_m IS NULL
