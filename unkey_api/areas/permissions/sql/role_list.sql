-- The roles of a workspace in ascending order of id, starting with the cursor itself. A pattern is matched in whatever
-- letter case; NULL matches all.
SELECT id, name, description
FROM roles
WHERE workspace_id = %(workspace_id)s
    AND id >= %(cursor)s
    AND (
        %(pattern)s IS NULL
        OR LOWER(id) LIKE LOWER(%(pattern)s) ESCAPE '!'
        OR LOWER(name) LIKE LOWER(%(pattern)s) ESCAPE '!'
        OR LOWER(description) LIKE LOWER(%(pattern)s) ESCAPE '!'
    )
ORDER BY id
LIMIT %(limit)s
