-- Names under which callers count their own limits.
CREATE TABLE IF NOT EXISTS `ratelimit_namespaces` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(512) COLLATE {case_sensitive} NOT NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  `deleted_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `ratelimit_namespaces_id_unique` (`id`),
  UNIQUE KEY `unique_name_per_workspace_idx` (`workspace_id`, `name`),
  KEY `ratelimit_namespaces_project_id_idx` (`project_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
