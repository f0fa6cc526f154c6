-- Removes the limits of the key whose names are not listed; of the key alone, never of its identity.
DELETE FROM ratelimits WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s AND name NOT IN %(names)s
