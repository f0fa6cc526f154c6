-- The cluster that serves a region and when it last reported.
CREATE TABLE IF NOT EXISTS `clusters` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `cell_id` varchar(64) COLLATE {case_sensitive} NULL,
  `region_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `last_heartbeat_at` bigint unsigned NOT NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `clusters_id_unique` (`id`),
  UNIQUE KEY `clusters_cell_id_unique` (`cell_id`),
  UNIQUE KEY `clusters_region_id_unique` (`region_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
