-- Releases what migration_lock_acquire took; the end of the session would do so as well.
-- No workspace filter: the schema belongs to no workspace.
SELECT RELEASE_LOCK(CONCAT('unkey_api.migrate.', LEFT(SHA2(DATABASE(), 256), 32))) AS done
