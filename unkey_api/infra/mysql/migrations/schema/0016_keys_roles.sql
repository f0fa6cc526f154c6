-- Roles of a key.
CREATE TABLE IF NOT EXISTS `keys_roles` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `key_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `role_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `keys_roles_role_id_key_id_workspace_id` (`role_id`, `key_id`, `workspace_id`),
  UNIQUE KEY `unique_key_id_role_id` (`key_id`, `role_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
