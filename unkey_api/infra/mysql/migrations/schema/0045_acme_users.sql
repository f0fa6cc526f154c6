-- Accounts with the certificate authority. Keys are encrypted by the vault.
CREATE TABLE IF NOT EXISTS `acme_users` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `encrypted_key` text NOT NULL,
  `registration_uri` text NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `acme_users_id_unique` (`id`),
  KEY `domain_idx` (`workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
