-- At most one row: keys.id is unique, and a keyspace belongs to one API. Nothing deleted is returned, neither the key nor
-- its API, its keyspace or its workspace.
-- A key of another workspace is not found either, so that it costs what an absent one costs. Nor is a root key: it acts
-- for a workspace that may not be the one its row is in, and has operations of its own.
SELECT
  k.id,
  k.hash,
  k.start,
  k.name,
  k.workspace_id,
  k.for_workspace_id,
  k.key_auth_id AS keyspace_id,
  k.identity_id,
  k.meta,
  k.expires,
  k.enabled,
  k.remaining_requests,
  k.refill_day,
  k.refill_amount,
  a.id AS api_id,
  a.name AS api_name,
  ka.store_encrypted_keys,
  ka.default_prefix,
  ka.default_bytes,
  ek.encrypted
FROM `keys` k
JOIN apis a ON a.key_auth_id = k.key_auth_id AND a.deleted_at_m IS NULL
JOIN key_auth ka ON ka.id = k.key_auth_id AND ka.deleted_at_m IS NULL
JOIN workspaces w ON w.id = k.workspace_id AND w.deleted_at_m IS NULL
LEFT JOIN encrypted_keys ek ON ek.key_id = k.id
WHERE k.id = %(id)s AND k.workspace_id = %(workspace_id)s AND k.for_workspace_id IS NULL AND k.deleted_at_m IS NULL
