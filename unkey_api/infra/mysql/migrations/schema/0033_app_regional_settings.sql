-- How many replicas of an app run in a region.
CREATE TABLE IF NOT EXISTS `app_regional_settings` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `region_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `replicas` int NOT NULL DEFAULT 1,
  `horizontal_autoscaling_policy_id` varchar(48) COLLATE {case_sensitive} NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `unique_app_env_region` (`app_id`, `environment_id`, `region_id`),
  KEY `workspace_idx` (`workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
