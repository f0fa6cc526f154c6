-- The live identities of a workspace, of all environments, in ascending order of id, starting with the cursor itself. A
-- pattern is matched in whatever letter case; NULL matches all.
SELECT id, external_id, meta
FROM identities
WHERE workspace_id = %(workspace_id)s
    AND deleted = 0
    AND id >= %(cursor)s
    AND (
        %(pattern)s IS NULL
        OR LOWER(id) LIKE LOWER(%(pattern)s) ESCAPE '!'
        OR LOWER(external_id) LIKE LOWER(%(pattern)s) ESCAPE '!'
    )
ORDER BY id
LIMIT %(limit)s
