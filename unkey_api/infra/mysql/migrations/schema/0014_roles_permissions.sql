-- Permissions of a role.
CREATE TABLE IF NOT EXISTS `roles_permissions` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `role_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `permission_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `roles_permissions_role_id_permission_id_workspace_id` (`role_id`, `permission_id`, `workspace_id`),
  UNIQUE KEY `unique_tuple_permission_id_role_id` (`permission_id`, `role_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
