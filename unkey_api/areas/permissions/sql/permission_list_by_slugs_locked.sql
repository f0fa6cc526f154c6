-- The same as committed right now, because the transaction's snapshot may be older than a row an insert met.
SELECT id, slug, name, description FROM permissions WHERE workspace_id = %(workspace_id)s AND slug IN %(slugs)s
ORDER BY pk LOCK IN SHARE MODE
