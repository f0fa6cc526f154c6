-- How an app is built in an environment.
CREATE TABLE IF NOT EXISTS `app_build_settings` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `app_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `environment_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `dockerfile` varchar(500) NULL,
  `docker_context` varchar(500) NOT NULL DEFAULT '.',
  `build_command` varchar(1000) NULL,
  `watch_paths` json NOT NULL DEFAULT ('[]'),
  `auto_deploy` boolean NOT NULL DEFAULT true,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `app_build_settings_app_env_idx` (`app_id`, `environment_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
