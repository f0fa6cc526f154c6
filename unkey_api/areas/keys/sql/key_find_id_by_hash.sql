-- At most one row: keys.hash is unique. A key of another workspace is not found, and costs what an absent one costs.
SELECT id FROM `keys` WHERE hash = %(hash)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL
