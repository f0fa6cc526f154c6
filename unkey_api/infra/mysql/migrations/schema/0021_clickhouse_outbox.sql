-- Entries on their way to ClickHouse. Delivered ones are marked before they are removed.
CREATE TABLE IF NOT EXISTS `clickhouse_outbox` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `version` varchar(64) NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `event_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `payload` json NOT NULL,
  `created_at` bigint NOT NULL,
  `deleted_at` bigint unsigned NULL,
  PRIMARY KEY (`pk`),
  KEY `drainer_pending_idx` (`deleted_at`, `version`, `pk`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
