-- Fails with a duplicate key while an older deleted identity of the same external id is there: only one may be kept.
UPDATE identities SET deleted = 1 WHERE id = %(id)s AND workspace_id = %(workspace_id)s
