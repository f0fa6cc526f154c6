-- The limits of these identities, each identity's in order of name.
SELECT id, identity_id, name, `limit`, duration, auto_apply
FROM ratelimits
WHERE identity_id IN %(ids)s AND workspace_id = %(workspace_id)s
ORDER BY identity_id, name
