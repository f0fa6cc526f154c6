-- Secrets passed on by link until they expire, encrypted by the vault.
CREATE TABLE IF NOT EXISTS `shared_secrets` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `expires_at` bigint NOT NULL,
  `created_at` bigint NOT NULL,
  `encrypted` varchar(1024) NOT NULL,
  `encryption_key_id` varchar(256) NOT NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `shared_secrets_id_unique` (`id`),
  KEY `expires_at_idx` (`expires_at`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
