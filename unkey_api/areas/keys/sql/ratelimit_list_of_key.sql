-- The limits of the key alone, without those of its identity.
SELECT name, `limit`, duration AS duration_ms, auto_apply FROM ratelimits
WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s ORDER BY pk
