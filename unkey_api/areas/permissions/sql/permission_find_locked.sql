-- At most one row, as it is now, locked until the transaction ends.
SELECT id, project_id, slug, name, description
FROM permissions
WHERE id = %(id)s AND workspace_id = %(workspace_id)s
FOR UPDATE
