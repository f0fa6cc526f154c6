-- At most one row: apis.id is unique, and so is the keyspace it names. Nothing deleted is returned. Locked until the
-- end of the transaction, so that what is merged with it cannot change meanwhile.
SELECT
    a.id,
    a.name,
    a.ip_whitelist,
    a.delete_protection,
    k.id AS keyspace_id,
    k.default_prefix,
    k.default_bytes,
    k.store_encrypted_keys
FROM apis a
JOIN key_auth k ON k.id = a.key_auth_id AND k.deleted_at_m IS NULL
WHERE a.id = %(id)s AND a.workspace_id = %(workspace_id)s AND a.deleted_at_m IS NULL
FOR UPDATE
