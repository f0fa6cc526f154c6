-- Documents uploaded for a deployment or a portal.
CREATE TABLE IF NOT EXISTS `openapi_specs` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `deployment_id` varchar(48) COLLATE {case_sensitive} NULL,
  `portal_id` varchar(48) COLLATE {case_sensitive} NULL,
  `content` longblob NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `openapi_specs_id_unique` (`id`),
  UNIQUE KEY `idx_openapi_specs_on_deployment_id` (`deployment_id`),
  UNIQUE KEY `workspace_deployment_idx` (`workspace_id`, `deployment_id`),
  UNIQUE KEY `workspace_portal_idx` (`workspace_id`, `portal_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
