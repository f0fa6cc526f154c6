-- Deployable programs of a project.
CREATE TABLE IF NOT EXISTS `apps` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(256) NOT NULL,
  `slug` varchar(256) NOT NULL,
  `default_branch` varchar(256) COLLATE {case_sensitive} NOT NULL DEFAULT 'main',
  `current_deployment_id` varchar(48) COLLATE {case_sensitive} NULL,
  `is_rolled_back` boolean NOT NULL DEFAULT false,
  `delete_protection` boolean NULL DEFAULT false,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `apps_id_unique` (`id`),
  UNIQUE KEY `apps_project_slug_idx` (`project_id`, `slug`),
  KEY `apps_workspace_idx` (`workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
