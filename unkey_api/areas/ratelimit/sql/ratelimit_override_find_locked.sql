-- At most one row: (namespace_id, identifier) is unique. Read as it is now and kept that way until the transaction ends.
-- Deleted overrides do not match.
SELECT id, identifier, `limit`, duration
FROM ratelimit_overrides
WHERE workspace_id = %(workspace_id)s
    AND namespace_id = %(namespace_id)s
    AND identifier = %(identifier)s
    AND deleted_at_m IS NULL
FOR UPDATE
