-- What a key may do. Slugs compare without case or accents within a workspace.
CREATE TABLE IF NOT EXISTS `permissions` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(512) NOT NULL,
  `slug` varchar(128) NOT NULL,
  `description` varchar(512) NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `permissions_id_unique` (`id`),
  UNIQUE KEY `unique_slug_per_workspace_idx` (`workspace_id`, `slug`),
  KEY `permissions_project_id_idx` (`project_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
