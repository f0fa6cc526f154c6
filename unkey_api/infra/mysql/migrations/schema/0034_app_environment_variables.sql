-- Variables of an app's environment. Values are encrypted by the vault.
CREATE TABLE IF NOT EXISTS `app_environment_variables` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `key` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `value` text NOT NULL,
  `type` enum('recoverable', 'writeonly') NOT NULL,
  `description` varchar(255) NULL,
  `delete_protection` boolean NULL DEFAULT false,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `app_environment_variables_id_unique` (`id`),
  UNIQUE KEY `app_env_id_key` (`app_id`, `environment_id`, `key`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
