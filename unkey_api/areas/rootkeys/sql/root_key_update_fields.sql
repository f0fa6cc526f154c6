-- The row is locked, so what is not to change is written as it was read.
UPDATE `keys` SET name = %(name)s, enabled = %(enabled)s, expires = %(expires)s, updated_at_m = %(now)s
WHERE id = %(id)s AND for_workspace_id = %(for_workspace_id)s AND deleted_at_m IS NULL
