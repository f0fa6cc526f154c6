-- The permissions given to the key itself, without those of its roles.
SELECT p.id, p.slug, p.name, p.description
FROM keys_permissions kp
JOIN permissions p ON p.id = kp.permission_id
WHERE kp.key_id = %(key_id)s AND kp.workspace_id = %(workspace_id)s
ORDER BY p.slug
