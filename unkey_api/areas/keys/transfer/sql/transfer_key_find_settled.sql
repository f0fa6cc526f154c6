-- At most one row: ids are unique. Waits for whoever is inserting the row: the commit of a process that was killed may
-- still be on its way.
-- No workspace filter: the id was drawn by the import that asks.
SELECT id FROM `keys` WHERE id = %(id)s LOCK IN SHARE MODE
