-- Other live overrides of the namespace that are patterns, as of now. The caller holds the lock of the namespace.
SELECT COUNT(*) AS patterns
FROM ratelimit_overrides
WHERE workspace_id = %(workspace_id)s
    AND namespace_id = %(namespace_id)s
    AND identifier LIKE '%%*%%'
    AND identifier <> %(identifier)s
    AND deleted_at_m IS NULL
LOCK IN SHARE MODE
