-- Gives a permission to a role; a link that exists already is left as it is. Each row names its workspace_id.
INSERT INTO roles_permissions (role_id, permission_id, workspace_id, created_at_m)
VALUES (%(role_id)s, %(permission_id)s, %(workspace_id)s, %(created_at_m)s)
ON DUPLICATE KEY UPDATE role_id = role_id
