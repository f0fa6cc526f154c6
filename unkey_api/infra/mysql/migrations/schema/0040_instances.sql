-- Running copies of a deployment.
CREATE TABLE IF NOT EXISTS `instances` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `deployment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `region_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `k8s_name` varchar(255) NOT NULL,
  `address` varchar(255) NOT NULL,
  `cpu_millicores` int NOT NULL,
  `memory_mib` int NOT NULL,
  `storage_mib` int unsigned NOT NULL DEFAULT 0,
  `status` enum('inactive', 'pending', 'running', 'failed') NOT NULL,
  `container_status` json NOT NULL DEFAULT (JSON_OBJECT('restartCount', 0)),
  PRIMARY KEY (`pk`),
  UNIQUE KEY `instances_id_unique` (`id`),
  UNIQUE KEY `unique_k8s_name_per_region` (`k8s_name`, `region_id`),
  KEY `idx_deployment_id` (`deployment_id`),
  KEY `idx_region` (`region_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
