-- At most one row: (workspace_id, slug) is unique. The column ignores letter case, so `Default` is found as `default`.
SELECT id FROM projects WHERE workspace_id = %(workspace_id)s AND slug = %(slug)s
