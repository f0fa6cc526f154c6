-- At most one row per external id: (workspace_id, external_id, deleted) is unique. As committed right now.
SELECT id, external_id FROM identities
WHERE workspace_id = %(workspace_id)s AND external_id IN %(external_ids)s AND deleted = 0
LOCK IN SHARE MODE
