-- Fails with a duplicate key when the key has a stored secret.
INSERT INTO encrypted_keys (workspace_id, key_id, created_at, encrypted, encryption_key_id)
VALUES (%(workspace_id)s, %(key_id)s, %(created_at)s, %(encrypted)s, %(encryption_key_id)s)
