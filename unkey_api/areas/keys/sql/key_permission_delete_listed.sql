-- Direct links of one key to these permissions; what it has through roles stays.
DELETE FROM keys_permissions
WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s AND permission_id IN %(permission_ids)s
