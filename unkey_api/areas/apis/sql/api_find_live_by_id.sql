-- At most one row: apis.id is unique, and so is the keyspace it names. Nothing deleted is returned.
-- No workspace filter: the caller compares workspace_id and answers for a foreign API as for an absent one.
SELECT
    a.id,
    a.name,
    a.workspace_id,
    k.id AS keyspace_id,
    k.store_encrypted_keys,
    k.default_prefix,
    k.default_bytes
FROM apis a
JOIN key_auth k ON k.id = a.key_auth_id AND k.deleted_at_m IS NULL
WHERE a.id = %(id)s AND a.deleted_at_m IS NULL
