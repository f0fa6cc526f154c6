-- 1 if this session now holds the lock, 0 if another one kept it for the whole wait. The name carries a hash of the
-- database's name, because such locks belong to the server and not to a database.
-- No workspace filter: the schema belongs to no workspace.
SELECT GET_LOCK(CONCAT('unkey_api.migrate.', LEFT(SHA2(DATABASE(), 256), 32)), %(seconds)s) AS done
