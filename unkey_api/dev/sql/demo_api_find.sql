-- The oldest live API of the workspace, if there is one: what an earlier start created.
SELECT id FROM apis WHERE workspace_id = %(workspace_id)s AND deleted_at_m IS NULL ORDER BY pk LIMIT 1
