-- At most one row, as it is now, locked: changes of one role happen one after the other.
SELECT id, project_id, name, description
FROM roles
WHERE id = %(id)s AND workspace_id = %(workspace_id)s
FOR UPDATE
