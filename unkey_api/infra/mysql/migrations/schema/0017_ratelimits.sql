-- Limits attached to a key or to an identity, never to both.
CREATE TABLE IF NOT EXISTS `ratelimits` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `name` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  `key_id` varchar(48) COLLATE {case_sensitive} NULL,
  `identity_id` varchar(48) COLLATE {case_sensitive} NULL,
  `limit` bigint unsigned NOT NULL,
  `duration` bigint unsigned NOT NULL,
  `auto_apply` boolean NOT NULL DEFAULT false,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `ratelimits_id_unique` (`id`),
  UNIQUE KEY `unique_name_per_key_idx` (`key_id`, `name`),
  UNIQUE KEY `unique_name_per_identity_idx` (`identity_id`, `name`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
