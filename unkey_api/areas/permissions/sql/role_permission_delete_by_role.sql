-- Takes all permissions from a role.
DELETE FROM roles_permissions WHERE role_id = %(role_id)s AND workspace_id = %(workspace_id)s
