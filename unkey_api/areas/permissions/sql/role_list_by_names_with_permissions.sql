-- One row per role, each with its permissions as a list of [id, slug, name, description].
-- The column ignores letter case, so a name may find one that is spelled differently; the caller compares.
SELECT
  r.id,
  r.name,
  r.description,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(p.id, p.slug, p.name, p.description))
   FROM roles_permissions rp JOIN permissions p ON p.id = rp.permission_id WHERE rp.role_id = r.id) AS permissions
FROM roles r
WHERE r.workspace_id = %(workspace_id)s AND r.name IN %(names)s
ORDER BY r.pk
