-- Marks one override as deleted. The caller holds its lock and knows that it is live.
UPDATE ratelimit_overrides SET deleted_at_m = %(now)s WHERE id = %(id)s AND workspace_id = %(workspace_id)s
