-- Takes the amount in one step or not at all, so that concurrent spends never take more than there is. Matches no row
-- when less is left, when the key is unlimited (NULL compares to nothing) or missing.
-- LAST_INSERT_ID hands the new value back to this very connection without a second statement.
-- No workspace filter: the id comes from a key that was already loaded for its own workspace.
UPDATE `keys`
SET remaining_requests = LAST_INSERT_ID(remaining_requests - %(amount)s)
WHERE id = %(key_id)s AND remaining_requests >= %(amount)s
