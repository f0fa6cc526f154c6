-- How far each lane of the log of changes has come. One row per lane, made by the next migration.
CREATE TABLE IF NOT EXISTS `change_lanes` (
  `lane` tinyint unsigned NOT NULL,
  `revision` bigint unsigned NOT NULL,
  PRIMARY KEY (`lane`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
