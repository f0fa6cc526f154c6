-- End users of a workspace. A deleted one keeps its external id, so one live and one deleted row may share it.
CREATE TABLE IF NOT EXISTS `identities` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `external_id` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment` varchar(256) COLLATE {case_sensitive} NOT NULL DEFAULT 'default',
  `meta` json NULL,
  `deleted` boolean NOT NULL DEFAULT false,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `identities_id_unique` (`id`),
  UNIQUE KEY `workspace_id_external_id_deleted_idx` (`workspace_id`, `external_id`, `deleted`),
  KEY `identity_project_id_idx` (`project_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
