-- Records a spend that was granted elsewhere, so it always succeeds: down to zero, never below. A key that has become
-- unlimited meanwhile (NULL) stays so.
-- No workspace filter: the id comes from a key that was already loaded for its own workspace.
UPDATE `keys`
SET remaining_requests = IF(remaining_requests >= %(amount)s, remaining_requests - %(amount)s, 0)
WHERE id = %(key_id)s AND remaining_requests IS NOT NULL
