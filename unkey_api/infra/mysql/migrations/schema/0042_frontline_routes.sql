-- Which deployment answers for a host name.
CREATE TABLE IF NOT EXISTS `frontline_routes` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `deployment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `fully_qualified_domain_name` varchar(256) NOT NULL,
  `sticky` enum('none', 'branch', 'environment', 'live', 'deployment') NOT NULL DEFAULT 'none',
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `frontline_routes_id_unique` (`id`),
  UNIQUE KEY `frontline_routes_fully_qualified_domain_name_unique` (`fully_qualified_domain_name`),
  KEY `project_id_idx` (`project_id`),
  KEY `environment_id_idx` (`environment_id`),
  KEY `deployment_id_idx` (`deployment_id`),
  KEY `fqdn_environment_deployment_idx` (`fully_qualified_domain_name`, `environment_id`, `deployment_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
