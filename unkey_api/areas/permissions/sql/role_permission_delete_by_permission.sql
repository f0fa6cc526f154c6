-- Takes a permission from all roles.
DELETE FROM roles_permissions WHERE permission_id = %(permission_id)s AND workspace_id = %(workspace_id)s
