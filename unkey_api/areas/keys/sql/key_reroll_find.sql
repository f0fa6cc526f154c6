-- At most one row: key_id is the primary key. The caller holds the lock of the key.
SELECT successor_id, ends_at FROM key_rerolls WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s
