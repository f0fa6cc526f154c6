-- Keyspaces: sets of keys with common defaults. An API owns at most one.
CREATE TABLE IF NOT EXISTS `key_auth` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  `deleted_at_m` bigint NULL,
  `store_encrypted_keys` boolean NOT NULL DEFAULT false,
  `default_prefix` varchar(8) NULL,
  `default_bytes` int NULL DEFAULT 16,
  `size_approx` int NOT NULL DEFAULT 0,
  `size_last_updated_at` bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `key_auth_id_unique` (`id`),
  KEY `key_auth_project_id_idx` (`project_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
