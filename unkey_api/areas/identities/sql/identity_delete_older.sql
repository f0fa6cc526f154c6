-- Removes for good what was deleted under this external id before, limits included, to make room for the newest.
DELETE i, r
FROM identities i
LEFT JOIN ratelimits r ON r.identity_id = i.id
WHERE i.workspace_id = %(workspace_id)s AND i.external_id = %(external_id)s AND i.deleted = 1
