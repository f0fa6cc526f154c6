-- At most one row, locked until the transaction ends, so that patterns of a namespace are counted one after another.
SELECT id FROM ratelimit_namespaces WHERE id = %(namespace_id)s AND workspace_id = %(workspace_id)s FOR UPDATE
