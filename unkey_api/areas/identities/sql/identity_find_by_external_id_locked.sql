-- At most one row, as committed right now: the transaction's own snapshot may be older than the row an upsert met.
SELECT id FROM identities WHERE workspace_id = %(workspace_id)s AND external_id = %(external_id)s AND deleted = 0
LOCK IN SHARE MODE
