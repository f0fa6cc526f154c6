-- When to add and remove replicas; a NULL threshold does not take part.
CREATE TABLE IF NOT EXISTS `horizontal_autoscaling_policies` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `replicas_min` int NOT NULL,
  `replicas_max` int NOT NULL,
  `memory_threshold` tinyint NULL,
  `cpu_threshold` tinyint NULL,
  `rps_threshold` tinyint NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `horizontal_autoscaling_policies_id_unique` (`id`),
  KEY `workspace_idx` (`workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
