-- Self-service pages of a workspace for its end users.
CREATE TABLE IF NOT EXISTS `portals` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `slug` varchar(64) NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NULL,
  `key_auth_id` varchar(48) COLLATE {case_sensitive} NULL,
  `enabled` boolean NOT NULL DEFAULT true,
  `logo_url` varchar(500) NULL,
  `primary_color` varchar(7) NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `portals_id_unique` (`id`),
  UNIQUE KEY `idx_workspace_slug` (`workspace_id`, `slug`),
  UNIQUE KEY `idx_app_id` (`app_id`),
  UNIQUE KEY `idx_key_auth_id` (`key_auth_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
