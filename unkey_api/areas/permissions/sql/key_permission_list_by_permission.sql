-- The links from keys to a permission. Read without a lock: no index leads here, and deleting by permission would lock
-- every link of every workspace.
SELECT pk FROM keys_permissions WHERE permission_id = %(permission_id)s AND workspace_id = %(workspace_id)s
