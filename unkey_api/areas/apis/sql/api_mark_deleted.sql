-- Changes at most one row, and none that is deleted already: of two concurrent deletes one reports the deletion.
UPDATE apis SET deleted_at_m = %(now)s
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL
