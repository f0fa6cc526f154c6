-- Changes at most one row. The caller holds its lock and has read what it does not change.
UPDATE key_auth
SET default_prefix = %(default_prefix)s, default_bytes = %(default_bytes)s,
    store_encrypted_keys = %(store_encrypted_keys)s, updated_at_m = %(now)s
WHERE id = %(keyspace_id)s AND workspace_id = %(workspace_id)s
