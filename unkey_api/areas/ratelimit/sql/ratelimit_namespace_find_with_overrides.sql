-- The namespaces of a workspace whose id or name is among the keys, deleted ones included, each with its live overrides;
-- a namespace without overrides gives one row with NULLs. Overrides come in ascending order of their identifier: that is
-- the order in which patterns are tried.
SELECT
    n.id,
    n.name,
    n.deleted_at_m,
    o.id AS override_id,
    o.identifier,
    o.`limit`,
    o.duration
FROM ratelimit_namespaces n
LEFT JOIN ratelimit_overrides o
    ON o.namespace_id = n.id AND o.workspace_id = n.workspace_id AND o.deleted_at_m IS NULL
WHERE n.workspace_id = %(workspace_id)s AND (n.id IN %(keys)s OR n.name IN %(keys)s)
ORDER BY n.id, o.identifier, o.id
