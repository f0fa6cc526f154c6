-- Takes off what was granted elsewhere up to a mark, in one step with moving the mark: down to zero, never below, and
-- never twice, because it matches only while the mark is where the caller saw it. Every value comes from the caller, so
-- that the order in which the two tables are changed does not matter. An unlimited key (NULL) stays so.
-- No workspace filter: the id comes from a key that was already loaded for its own workspace.
UPDATE `keys` k
JOIN key_credit_write_offs w ON w.key_id = k.id
SET
  k.remaining_requests = CASE
    WHEN k.remaining_requests IS NULL THEN NULL
    WHEN k.remaining_requests >= %(amount)s THEN k.remaining_requests - %(amount)s
    ELSE 0
  END,
  w.written = %(granted)s
WHERE k.id = %(key_id)s AND w.epoch = %(epoch)s AND w.written = %(written)s
