-- Begins an epoch; one that has begun stays as it is.
-- No workspace filter: the id comes from a key that was already loaded for its own workspace.
INSERT INTO key_credit_write_offs (key_id, epoch, written) VALUES (%(key_id)s, %(epoch)s, 0)
ON DUPLICATE KEY UPDATE written = written
