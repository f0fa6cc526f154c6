-- A workspace's own ClickHouse user and the quotas of its queries.
CREATE TABLE IF NOT EXISTS `clickhouse_workspace_settings` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `username` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `password_encrypted` text NOT NULL,
  `quota_duration_seconds` int NOT NULL DEFAULT 3600,
  `max_queries_per_window` int NOT NULL DEFAULT 1000,
  `max_execution_time_per_window` int NOT NULL DEFAULT 1800,
  `max_query_execution_time` int NOT NULL DEFAULT 30,
  `max_query_memory_bytes` bigint NOT NULL DEFAULT 1000000000,
  `max_query_result_rows` int NOT NULL DEFAULT 10000,
  `created_at` bigint NOT NULL DEFAULT 0,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `clickhouse_workspace_settings_workspace_id_unique` (`workspace_id`),
  UNIQUE KEY `clickhouse_workspace_settings_username_unique` (`username`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
