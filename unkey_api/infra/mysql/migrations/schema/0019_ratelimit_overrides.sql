-- Limits that replace the caller's for matching identifiers of a namespace.
CREATE TABLE IF NOT EXISTS `ratelimit_overrides` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `namespace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `identifier` varchar(512) COLLATE {case_sensitive} NOT NULL,
  `limit` bigint unsigned NOT NULL,
  `duration` bigint unsigned NOT NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  `deleted_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `ratelimit_overrides_id_unique` (`id`),
  UNIQUE KEY `unique_identifier_per_namespace_idx` (`namespace_id`, `identifier`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
