-- At most one row, locked until the transaction ends: imports that count keys against each other come one after another.
SELECT id, algorithm FROM key_migrations WHERE id = %(id)s AND workspace_id = %(workspace_id)s
FOR UPDATE
