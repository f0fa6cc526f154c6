-- Tenants. Everything else belongs to one; deleting marks, rows stay.
CREATE TABLE IF NOT EXISTS `workspaces` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `org_id` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(256) NOT NULL,
  `slug` varchar(64) NOT NULL,
  `k8s_namespace` varchar(256) NULL,
  `beta_features` json NOT NULL,
  `subscriptions` json NULL,
  `enabled` boolean NOT NULL DEFAULT true,
  `delete_protection` boolean NULL DEFAULT false,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  `deleted_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `workspaces_id_unique` (`id`),
  UNIQUE KEY `workspaces_org_id_unique` (`org_id`),
  UNIQUE KEY `workspaces_slug_unique` (`slug`),
  UNIQUE KEY `workspaces_k8s_namespace_unique` (`k8s_namespace`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
