-- Records one migration. Data definition commits by itself, so a crash just before this leaves the migration
-- unrecorded and it runs again: every one must be harmless when repeated.
-- No workspace filter: the schema belongs to no workspace.
INSERT INTO schema_migrations (version, checksum) VALUES (%(version)s, %(checksum)s)
