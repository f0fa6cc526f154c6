-- Takes permissions from one role. The caller holds the lock of the role.
DELETE FROM roles_permissions
WHERE role_id = %(role_id)s AND permission_id IN %(permission_ids)s AND workspace_id = %(workspace_id)s
