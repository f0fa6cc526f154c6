-- Changes at most one row. The caller holds its lock and has read what it does not change.
UPDATE apis
SET name = %(name)s, ip_whitelist = %(ip_whitelist)s, delete_protection = %(delete_protection)s, updated_at_m = %(now)s
WHERE id = %(id)s AND workspace_id = %(workspace_id)s
