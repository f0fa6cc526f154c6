-- How far the making of a deployment came.
CREATE TABLE IF NOT EXISTS `deployment_steps` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `deployment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `step` enum('queued', 'starting', 'building', 'deploying', 'network', 'finalizing') NOT NULL DEFAULT 'queued',
  `started_at` bigint unsigned NOT NULL,
  `ended_at` bigint unsigned NULL,
  `error` varchar(512) NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `unique_step_per_deployment` (`deployment_id`, `step`),
  KEY `workspace_idx` (`workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
