-- GitHub installations a workspace connected.
CREATE TABLE IF NOT EXISTS `github_app_installations` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `installation_id` bigint NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `workspace_installation_idx` (`workspace_id`, `installation_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
