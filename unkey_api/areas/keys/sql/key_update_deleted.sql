-- Affects no row when the key was deleted before.
UPDATE `keys` SET deleted_at_m = %(now)s
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL
