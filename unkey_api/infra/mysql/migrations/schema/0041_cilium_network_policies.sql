-- Network policies of deployments as the region's cluster applies them.
CREATE TABLE IF NOT EXISTS `cilium_network_policies` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `deployment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `k8s_name` varchar(64) NOT NULL,
  `k8s_namespace` varchar(255) NOT NULL,
  `region_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `policy` json NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `cilium_network_policies_id_unique` (`id`),
  KEY `idx_deployment_region` (`deployment_id`, `region_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
