-- At most one row: ids are unique. As committed now, and nobody changes the key before the transaction ends: no revocation
-- and no loss of a permission slips in between judging the caller and what it asked for.
-- Spelled so that MySQL and MariaDB both know it.
SELECT hash FROM `keys` WHERE id = %(id)s AND for_workspace_id = %(for_workspace_id)s LOCK IN SHARE MODE
