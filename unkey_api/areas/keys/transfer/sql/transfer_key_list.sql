-- Live keys of a keyspace by id. The index is named, because servers take the keyspace alone for as selective as keyspace
-- and last id together, and would read the keys of all earlier pages for each page. Root keys are left out: whom they act
-- for means nothing in another installation.
SELECT
  k.id,
  k.key_auth_id AS keyspace_id,
  k.hash,
  k.start,
  k.name,
  k.meta,
  k.expires,
  k.enabled,
  k.remaining_requests AS remaining,
  k.refill_day,
  k.refill_amount,
  k.pending_migration_id AS migration_id,
  k.created_at_m AS created_at,
  k.updated_at_m AS updated_at,
  k.last_used_at,
  i.id AS identity_id,
  i.external_id,
  i.meta AS identity_meta,
  (SELECT JSON_ARRAYAGG(p.slug) FROM keys_permissions kp JOIN permissions p ON p.id = kp.permission_id
   WHERE kp.key_id = k.id) AS permissions,
  (SELECT JSON_ARRAYAGG(r.name) FROM keys_roles kr JOIN roles r ON r.id = kr.role_id
   WHERE kr.key_id = k.id) AS roles,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply)) FROM ratelimits l
   WHERE l.key_id = k.id) AS ratelimits,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply)) FROM ratelimits l
   WHERE l.identity_id = i.id) AS identity_ratelimits
FROM `keys` k FORCE INDEX (key_auth_id_deleted_at_idx)
LEFT JOIN identities i ON i.id = k.identity_id AND i.deleted = 0
WHERE k.key_auth_id = %(keyspace_id)s AND k.workspace_id = %(workspace_id)s AND k.deleted_at_m IS NULL
  AND k.for_workspace_id IS NULL AND k.id > %(after)s
  AND (%(migration_id)s = '' OR k.pending_migration_id = %(migration_id)s)
ORDER BY k.id LIMIT %(count)s
