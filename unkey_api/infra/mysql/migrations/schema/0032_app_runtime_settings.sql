-- How an app runs in an environment.
CREATE TABLE IF NOT EXISTS `app_runtime_settings` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `port` int NOT NULL DEFAULT 8080,
  `cpu_millicores` int NOT NULL DEFAULT 250,
  `memory_mib` int NOT NULL DEFAULT 256,
  `storage_mib` int unsigned NOT NULL DEFAULT 0,
  `command` json NOT NULL DEFAULT ('[]'),
  `healthcheck` json NULL,
  `shutdown_signal` enum('SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGKILL') NOT NULL DEFAULT 'SIGTERM',
  `upstream_protocol` enum('http1', 'h2c') NOT NULL DEFAULT 'http1',
  `sentinel_config` longblob NOT NULL,
  `openapi_spec_path` varchar(512) NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `app_runtime_settings_app_env_idx` (`app_id`, `environment_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
