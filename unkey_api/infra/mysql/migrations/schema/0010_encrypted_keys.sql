-- Secrets of keys that may be shown again, encrypted by the vault.
CREATE TABLE IF NOT EXISTS `encrypted_keys` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `key_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `created_at` bigint NOT NULL DEFAULT 0,
  `updated_at` bigint NULL,
  `encrypted` varchar(1024) NOT NULL,
  `encryption_key_id` varchar(256) NOT NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `key_id_idx` (`key_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
