-- Where an app runs: production or previews.
CREATE TABLE IF NOT EXISTS `environments` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `slug` varchar(256) NOT NULL,
  `description` varchar(255) NOT NULL DEFAULT '',
  `kind` enum('production', 'preview') NOT NULL DEFAULT 'preview',
  `delete_protection` boolean NULL DEFAULT false,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `environments_id_unique` (`id`),
  UNIQUE KEY `environments_app_slug_idx` (`app_id`, `slug`),
  KEY `environments_project_idx` (`project_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
