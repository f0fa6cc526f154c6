-- Groups of resources within a workspace; the one with the slug `default` takes what names no other.
CREATE TABLE IF NOT EXISTS `projects` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(256) NOT NULL,
  `slug` varchar(256) NOT NULL,
  `depot_project_id` varchar(255) NULL,
  `delete_protection` boolean NULL DEFAULT false,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `projects_id_unique` (`id`),
  UNIQUE KEY `workspace_slug_idx` (`workspace_id`, `slug`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
