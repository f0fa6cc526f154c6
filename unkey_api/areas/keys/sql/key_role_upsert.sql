-- A link that exists is only stamped.
INSERT INTO keys_roles (key_id, role_id, workspace_id, created_at_m)
VALUES (%(key_id)s, %(role_id)s, %(workspace_id)s, %(created_at_m)s)
ON DUPLICATE KEY UPDATE updated_at_m = VALUES(created_at_m)
