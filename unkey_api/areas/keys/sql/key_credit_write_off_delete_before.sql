-- Forgets epochs of a key that began before another one; nobody holds anything to write for them any more.
-- No workspace filter: the id comes from a key that was already loaded for its own workspace.
DELETE FROM key_credit_write_offs WHERE key_id = %(key_id)s AND epoch < %(epoch)s
