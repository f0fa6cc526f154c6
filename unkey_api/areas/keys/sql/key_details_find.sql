-- At most one row: keys.id is unique. What a caller is shown of a key, beyond the columns of the live look-up, which has
-- checked the workspace before.
SELECT
  k.created_at_m AS created_at,
  k.updated_at_m AS updated_at,
  k.last_used_at,
  i.id AS identity_id,
  i.external_id,
  i.meta AS identity_meta,
  (SELECT JSON_ARRAYAGG(p.slug) FROM keys_permissions kp JOIN permissions p ON p.id = kp.permission_id
   WHERE kp.key_id = k.id) AS direct_permissions,
  (SELECT JSON_ARRAYAGG(p.slug) FROM keys_roles kr JOIN roles_permissions rp ON rp.role_id = kr.role_id
   JOIN permissions p ON p.id = rp.permission_id WHERE kr.key_id = k.id) AS role_permissions,
  (SELECT JSON_ARRAYAGG(r.name) FROM keys_roles kr JOIN roles r ON r.id = kr.role_id
   WHERE kr.key_id = k.id) AS role_names,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply)) FROM ratelimits l
   WHERE l.key_id = k.id) AS key_limits,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply)) FROM ratelimits l
   WHERE l.identity_id = i.id) AS identity_limits
FROM `keys` k
LEFT JOIN identities i ON i.id = k.identity_id AND i.deleted = 0
WHERE k.id = %(id)s AND k.workspace_id = %(workspace_id)s
