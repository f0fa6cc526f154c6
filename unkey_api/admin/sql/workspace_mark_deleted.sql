-- Changes at most one row. The caller holds its lock and knows that it is not deleted.
-- No workspace filter: the id is the workspace's own.
UPDATE workspaces SET deleted_at_m = %(now)s, updated_at_m = %(now)s WHERE id = %(id)s
