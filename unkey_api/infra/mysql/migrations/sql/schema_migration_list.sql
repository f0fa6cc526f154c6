-- All applied migrations, oldest first. Ones this release does not know come from a newer one and are left alone.
-- No workspace filter: the schema belongs to no workspace.
SELECT version, checksum FROM schema_migrations ORDER BY version
