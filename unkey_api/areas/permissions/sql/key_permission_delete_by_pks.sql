-- Removes links from keys to permissions.
DELETE FROM keys_permissions WHERE pk IN %(pks)s AND workspace_id = %(workspace_id)s
