-- Where a deployment should run and with how many replicas.
CREATE TABLE IF NOT EXISTS `deployment_topology` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `deployment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `region_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `autoscaling_replicas_min` int unsigned NOT NULL DEFAULT 1,
  `autoscaling_replicas_max` int unsigned NOT NULL DEFAULT 1,
  `autoscaling_threshold_cpu` tinyint unsigned NULL,
  `autoscaling_threshold_memory` tinyint unsigned NULL,
  `desired_status` enum('stopped', 'running') NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `unique_region_per_deployment` (`deployment_id`, `region_id`),
  KEY `workspace_idx` (`workspace_id`),
  KEY `status_idx` (`desired_status`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
