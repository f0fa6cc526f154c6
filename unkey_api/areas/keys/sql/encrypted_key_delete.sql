-- Only the ciphertext goes; the key itself stays usable.
DELETE FROM encrypted_keys WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s
