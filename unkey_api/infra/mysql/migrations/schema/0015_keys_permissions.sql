-- Permissions given to a key directly.
CREATE TABLE IF NOT EXISTS `keys_permissions` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `key_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `permission_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `keys_permissions_key_id_permission_id_workspace_id` (`key_id`, `permission_id`, `workspace_id`),
  UNIQUE KEY `key_id_permission_id_idx` (`key_id`, `permission_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
