-- At most one row: keys.id is unique. NULL means unlimited.
-- No workspace filter: the id comes from a key that was already loaded for its own workspace.
SELECT remaining_requests FROM `keys` WHERE id = %(key_id)s
