-- One row per role of the key, each with its permissions as a list of [id, slug, name, description].
SELECT
  r.id,
  r.name,
  r.description,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(p.id, p.slug, p.name, p.description))
   FROM roles_permissions rp JOIN permissions p ON p.id = rp.permission_id WHERE rp.role_id = r.id) AS permissions
FROM keys_roles kr
JOIN roles r ON r.id = kr.role_id
WHERE kr.key_id = %(key_id)s AND kr.workspace_id = %(workspace_id)s
ORDER BY r.name
