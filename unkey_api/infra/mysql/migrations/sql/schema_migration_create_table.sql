-- The ledger of applied migrations.
-- No workspace filter: the schema belongs to no workspace.
CREATE TABLE IF NOT EXISTS schema_migrations (
  version varchar(255) NOT NULL,
  checksum char(64) NOT NULL,
  applied_at datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4
