-- The permissions of these roles, each role's in order of slug.
SELECT rp.role_id, p.id, p.slug, p.name, p.description
FROM roles_permissions rp
JOIN permissions p ON p.id = rp.permission_id AND p.workspace_id = rp.workspace_id
WHERE rp.role_id IN %(role_ids)s AND rp.workspace_id = %(workspace_id)s
ORDER BY rp.role_id, p.slug
