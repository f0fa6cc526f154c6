-- At most one row: apis.id is unique, and so is the keyspace it names. An API without a keyspace has NULLs.
-- No workspace filter: the caller compares workspace_id and answers for a foreign API as for an absent one.
SELECT
  a.id,
  a.name,
  a.workspace_id,
  a.deleted_at_m AS deleted_at,
  ka.id AS keyspace_id,
  ka.deleted_at_m AS keyspace_deleted_at,
  ka.store_encrypted_keys,
  ka.default_prefix,
  ka.default_bytes,
  dp.id AS default_project_id
FROM apis a
LEFT JOIN key_auth ka ON ka.id = a.key_auth_id
LEFT JOIN projects dp ON dp.workspace_id = a.workspace_id AND dp.slug = %(project_slug)s
WHERE a.id = %(id)s
