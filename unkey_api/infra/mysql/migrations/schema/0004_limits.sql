-- What a workspace may use at most; NULL in a rate means unlimited.
CREATE TABLE IF NOT EXISTS `limits` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `api_billable_operations_count_max_per_month` bigint unsigned NOT NULL,
  `api_requests_count_max_per_minute` int unsigned NULL,
  `logs_retention_days_max` smallint unsigned NOT NULL,
  `logs_audit_retention_days_max` smallint unsigned NOT NULL,
  `team_enabled` boolean NOT NULL,
  `cpu_cores_max` int unsigned NOT NULL,
  `cpu_cores_max_per_instance` int unsigned NOT NULL,
  `memory_mib_max` int unsigned NOT NULL,
  `memory_mib_max_per_instance` int unsigned NOT NULL,
  `storage_mib_max` int unsigned NOT NULL,
  `storage_mib_max_per_instance` int unsigned NOT NULL,
  `builds_concurrent_max` smallint unsigned NOT NULL,
  `custom_domains_max` int unsigned NOT NULL,
  `autoscaling_replicas_max` smallint unsigned NOT NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `limits_workspace_id_unique` (`workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
