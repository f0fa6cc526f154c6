-- Changes one limit, found by its id, which it keeps. The caller holds the lock of its identity.
UPDATE ratelimits
SET `limit` = %(limit)s, duration = %(duration)s, auto_apply = %(auto_apply)s, updated_at = %(now)s
WHERE id = %(id)s AND identity_id = %(identity_id)s AND workspace_id = %(workspace_id)s
