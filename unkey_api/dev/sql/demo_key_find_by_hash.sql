-- At most one row: keys.hash is unique.
-- No workspace filter: the question is whether the demo data is there at all.
SELECT id FROM `keys` WHERE hash = %(hash)s AND deleted_at_m IS NULL
