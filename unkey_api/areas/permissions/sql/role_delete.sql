-- Affects no row when somebody else has deleted the role already.
DELETE FROM roles WHERE id = %(id)s AND workspace_id = %(workspace_id)s
