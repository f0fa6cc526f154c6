-- Which hash algorithm keys brought from elsewhere use until their first verification.
CREATE TABLE IF NOT EXISTS `key_migrations` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `algorithm` enum('sha256', 'github.com/seamapi/prefixed-api-key') NOT NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `key_migrations_id_unique` (`id`),
  UNIQUE KEY `unique_id_per_workspace_id` (`id`, `workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
