-- At most one row: keys.hash is unique.
-- No workspace filter: the caller presents a secret, and its workspace is compared afterwards.
SELECT id FROM `keys` WHERE hash = %(hash)s AND deleted_at_m IS NULL
