-- The repository an app is built from.
CREATE TABLE IF NOT EXISTS `github_repo_connections` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `installation_id` bigint NOT NULL,
  `repository_id` bigint NOT NULL,
  `repository_full_name` varchar(500) NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `github_repo_connections_app_id_unique` (`app_id`),
  KEY `installation_id_idx` (`installation_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
