-- What each region counted in a window, so that the others can add it.
CREATE TABLE IF NOT EXISTS `ratelimit_global_counters` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `namespace` varchar(255) COLLATE {case_sensitive} NOT NULL,
  `identifier` varchar(255) COLLATE {case_sensitive} NOT NULL,
  `duration_ms` bigint unsigned NOT NULL,
  `sequence` bigint NOT NULL,
  `region` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `count` bigint unsigned NOT NULL,
  `expires_at` bigint unsigned NOT NULL,
  `updated_at` bigint unsigned NOT NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `unique_window_region` (`workspace_id`, `namespace`, `identifier`, `duration_ms`, `sequence`, `region`),
  KEY `expires_at_idx` (`expires_at`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
