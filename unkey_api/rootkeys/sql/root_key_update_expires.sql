-- The caller makes sure that this is not later than before.
UPDATE `keys` SET expires = %(expires)s, updated_at_m = %(now)s
WHERE id = %(id)s AND for_workspace_id = %(for_workspace_id)s AND deleted_at_m IS NULL
