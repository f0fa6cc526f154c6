-- The live overrides of a namespace in ascending order of id, starting with the cursor itself.
SELECT id, identifier, `limit`, duration
FROM ratelimit_overrides
WHERE workspace_id = %(workspace_id)s
    AND namespace_id = %(namespace_id)s
    AND deleted_at_m IS NULL
    AND id >= %(cursor)s
ORDER BY id
LIMIT %(limit)s
