-- What root keys may do. A text too long for the slug is the permission's name, and the slug a digest of it.
-- No workspace filter: the ids come from root keys that were loaded for the workspace they act for.
SELECT kp.key_id, p.id AS permission_id, IF(p.slug LIKE 'sha256:%%', p.name, p.slug) AS permission, 0 AS through_role
FROM keys_permissions kp JOIN permissions p ON p.id = kp.permission_id
WHERE kp.key_id IN %(key_ids)s
UNION ALL
SELECT kr.key_id, p.id, IF(p.slug LIKE 'sha256:%%', p.name, p.slug), 1
FROM keys_roles kr JOIN roles_permissions rp ON rp.role_id = kr.role_id JOIN permissions p ON p.id = rp.permission_id
WHERE kr.key_id IN %(key_ids)s
