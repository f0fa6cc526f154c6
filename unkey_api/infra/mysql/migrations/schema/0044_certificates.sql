-- TLS certificates by host name. Private keys are encrypted by the vault.
CREATE TABLE IF NOT EXISTS `certificates` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `hostname` varchar(255) NOT NULL,
  `certificate` text NOT NULL,
  `encrypted_private_key` text NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `certificates_id_unique` (`id`),
  UNIQUE KEY `unique_hostname` (`hostname`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
