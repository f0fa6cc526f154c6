-- Ids that are taken, by deleted keys too.
-- No workspace filter: ids are unique across workspaces.
SELECT id FROM `keys` WHERE id IN %(ids)s
