-- Affects no row when the key was deleted before.
DELETE FROM `keys` WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL
