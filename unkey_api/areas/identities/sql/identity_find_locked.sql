-- At most one row, deleted or not, locked: changes of one identity happen one after the other.
SELECT external_id, meta, deleted FROM identities WHERE id = %(id)s AND workspace_id = %(workspace_id)s FOR UPDATE
