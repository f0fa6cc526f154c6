-- Links a key to permissions of its own workspace by slug; a link that exists stays.
INSERT IGNORE INTO keys_permissions (key_id, permission_id, workspace_id, created_at_m)
SELECT %(key_id)s, id, workspace_id, %(created_at_m)s FROM permissions
WHERE workspace_id = %(workspace_id)s AND slug IN %(slugs)s
