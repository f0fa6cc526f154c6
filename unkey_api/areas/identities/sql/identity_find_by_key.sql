-- At most one row: the live identity with this id, else the one with this external id. Two look-ups in an index each,
-- because one condition with OR reads every identity of the workspace.
SELECT id, external_id, meta
FROM (
    SELECT id, external_id, meta, 0 AS preference
    FROM identities
    WHERE id = %(key)s AND workspace_id = %(workspace_id)s AND deleted = 0
    UNION ALL
    SELECT id, external_id, meta, 1 AS preference
    FROM identities
    WHERE external_id = %(key)s AND workspace_id = %(workspace_id)s AND deleted = 0
) candidates
ORDER BY preference
LIMIT 1
