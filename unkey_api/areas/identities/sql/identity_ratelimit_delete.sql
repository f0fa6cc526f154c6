-- Removes limits of one identity, found by their ids. The caller holds the lock of that identity.
DELETE FROM ratelimits
WHERE id IN %(ids)s AND identity_id = %(identity_id)s AND workspace_id = %(workspace_id)s
