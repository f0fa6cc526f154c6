-- At most one row. Holds back other changes of the key until the transaction ends; as its first read it also makes sure
-- that what is read next is current.
SELECT id, hash, key_auth_id, remaining_requests FROM `keys`
WHERE id = %(id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL FOR UPDATE
