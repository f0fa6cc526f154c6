-- As committed right now, because the transaction's snapshot may be older than a row an insert met.
-- The column ignores letter case, so a name may find one that is spelled differently; the caller compares.
SELECT id, name, description FROM roles WHERE workspace_id = %(workspace_id)s AND name IN %(names)s
ORDER BY pk LOCK IN SHARE MODE
