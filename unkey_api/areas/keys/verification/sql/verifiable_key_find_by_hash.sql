-- At most one row: keys.hash is unique, as are the ids joined. Everything a verification needs, in one round trip.
-- Soft-deleted keys never match. Disabled keys, deleted APIs and keyspaces, disabled and deleted workspaces do, because
-- each has its own answer; a deleted workspace that is acted for looks like one that never was.
-- No workspace filter: the caller presents a secret, not a workspace.
-- A permission of a root key that is too long for the slug is its name, and the slug a digest of it.
-- The lists are subqueries in the select list, because neither derived tables nor LATERAL may look outwards on every
-- supported server.
SELECT
  k.id,
  k.key_auth_id,
  k.workspace_id,
  k.for_workspace_id,
  k.name,
  k.meta,
  k.expires,
  k.enabled,
  k.remaining_requests,
  k.pending_migration_id,
  a.id AS api_id,
  a.deleted_at_m AS api_deleted_at,
  ka.deleted_at_m AS keyspace_deleted_at,
  a.ip_whitelist,
  w.enabled AS workspace_enabled,
  w.deleted_at_m AS workspace_deleted_at,
  fw.enabled AS for_workspace_enabled,
  i.id AS identity_id,
  i.external_id,
  i.meta AS identity_meta,
  (SELECT JSON_ARRAYAGG(IF(k.for_workspace_id IS NOT NULL AND p.slug LIKE 'sha256:%%', p.name, p.slug))
   FROM keys_permissions kp JOIN permissions p ON p.id = kp.permission_id
   WHERE kp.key_id = k.id) AS direct_permissions,
  (SELECT JSON_ARRAYAGG(IF(k.for_workspace_id IS NOT NULL AND p.slug LIKE 'sha256:%%', p.name, p.slug))
   FROM keys_roles kr JOIN roles_permissions rp ON rp.role_id = kr.role_id
   JOIN permissions p ON p.id = rp.permission_id WHERE kr.key_id = k.id) AS role_permissions,
  (SELECT JSON_ARRAYAGG(r.name) FROM keys_roles kr JOIN roles r ON r.id = kr.role_id
   WHERE kr.key_id = k.id) AS role_names,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply)) FROM ratelimits l
   WHERE l.key_id = k.id) AS key_limits,
  (SELECT JSON_ARRAYAGG(JSON_ARRAY(l.id, l.name, l.`limit`, l.duration, l.auto_apply)) FROM ratelimits l
   WHERE l.identity_id = i.id) AS identity_limits
FROM `keys` k
JOIN apis a ON a.key_auth_id = k.key_auth_id
JOIN key_auth ka ON ka.id = k.key_auth_id
JOIN workspaces w ON w.id = k.workspace_id
LEFT JOIN workspaces fw ON fw.id = k.for_workspace_id AND fw.deleted_at_m IS NULL
LEFT JOIN identities i ON i.id = k.identity_id AND i.deleted = 0
WHERE k.hash = %(hash)s AND k.deleted_at_m IS NULL
