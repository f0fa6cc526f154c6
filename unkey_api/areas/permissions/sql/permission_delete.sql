-- Affects no row when somebody else has deleted the permission already.
DELETE FROM permissions WHERE id = %(id)s AND workspace_id = %(workspace_id)s
