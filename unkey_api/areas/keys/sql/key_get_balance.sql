-- At most one row: keys.id is unique, and so are key and epoch. All of it is of one moment, which is what makes a copy
-- of the balance exact. NULL credits mean unlimited; NULL written, that nothing was written in this epoch so far.
-- No workspace filter: the id comes from a key that was already loaded for its own workspace.
SELECT
  k.remaining_requests,
  w.written,
  EXISTS (SELECT 1 FROM key_credit_write_offs o WHERE o.key_id = k.id AND o.epoch < %(epoch)s) AS earlier
FROM `keys` k
LEFT JOIN key_credit_write_offs w ON w.key_id = k.id AND w.epoch = %(epoch)s
WHERE k.id = %(key_id)s
