-- Live namespaces of a workspace, the newest first; of one millisecond the one with the greatest id. Begins with the
-- namespace of the cursor, deleted or not; an empty cursor with the newest, an unknown one finds nothing. A pattern is
-- matched in whatever letter case; NULL matches all. All but a search is decided by the columns of workspace_newest_idx;
-- of what a caller may read, the first condition is one for which indexes are used, and the second one is exact.
SELECT n.id, n.name, n.created_at_m, n.updated_at_m
FROM ratelimit_namespaces n
LEFT JOIN ratelimit_namespaces first ON first.id = %(cursor)s AND first.workspace_id = %(workspace_id)s
WHERE n.workspace_id = %(workspace_id)s
    AND n.deleted_at_m IS NULL
    AND (
        %(cursor)s = ''
        OR n.created_at_m < first.created_at_m
        OR (n.created_at_m = first.created_at_m AND n.id <= first.id)
    )
    AND (%(all)s OR n.id IN %(paired_ids)s OR n.project_id IN %(project_ids)s)
    AND (
        %(all)s
        OR n.id IN %(ids)s
        OR n.project_id IN %(project_ids)s
        OR CONCAT(n.project_id, '/', n.id) IN %(pairs)s
    )
    AND (
        %(pattern)s IS NULL
        OR LOWER(n.id) LIKE LOWER(%(pattern)s) ESCAPE '!'
        OR LOWER(n.name) LIKE LOWER(%(pattern)s) ESCAPE '!'
    )
ORDER BY n.created_at_m DESC, n.id DESC
LIMIT %(limit)s
