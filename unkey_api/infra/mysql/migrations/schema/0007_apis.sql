-- Things that keys give access to; deleting marks, rows stay.
CREATE TABLE IF NOT EXISTS `apis` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(256) NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `project_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `ip_whitelist` varchar(512) NULL,
  `auth_type` enum('key', 'jwt') NULL,
  `key_auth_id` varchar(48) COLLATE {case_sensitive} NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  `deleted_at_m` bigint NULL,
  `delete_protection` boolean NULL DEFAULT false,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `apis_id_unique` (`id`),
  UNIQUE KEY `apis_key_auth_id_unique` (`key_auth_id`),
  KEY `workspace_id_idx` (`workspace_id`),
  KEY `apis_project_id_idx` (`project_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
