-- At most one row: ids are unique. What is counted is alive: neither it nor what it belongs to is deleted.
-- No workspace filter: the id is the workspace's own.
SELECT
    w.id,
    w.name,
    w.slug,
    w.org_id,
    w.enabled,
    w.delete_protection,
    w.created_at_m,
    (SELECT COUNT(*) FROM apis a WHERE a.workspace_id = w.id AND a.deleted_at_m IS NULL) AS apis,
    (
        SELECT COUNT(*) FROM `keys` k
        JOIN apis a ON a.key_auth_id = k.key_auth_id AND a.deleted_at_m IS NULL
        WHERE k.workspace_id = w.id AND k.deleted_at_m IS NULL
    ) AS key_count,
    (SELECT COUNT(*) FROM `keys` k WHERE k.for_workspace_id = w.id AND k.deleted_at_m IS NULL) AS root_keys,
    (SELECT COUNT(*) FROM identities i WHERE i.workspace_id = w.id AND i.deleted = FALSE) AS identities
FROM workspaces w
WHERE w.id = %(id)s AND w.deleted_at_m IS NULL
