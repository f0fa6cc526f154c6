-- Places where deployments run.
CREATE TABLE IF NOT EXISTS `regions` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(64) NOT NULL,
  `platform` varchar(64) NOT NULL,
  `can_schedule` boolean NOT NULL DEFAULT true,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `regions_id_unique` (`id`),
  UNIQUE KEY `unique_region_per_platform` (`name`, `platform`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
