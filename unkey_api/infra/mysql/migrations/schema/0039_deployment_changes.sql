-- What a region's agents have yet to see, in order of the counter.
CREATE TABLE IF NOT EXISTS `deployment_changes` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `resource_type` enum('deployment_topology', 'sentinel', 'cilium_network_policy') NOT NULL,
  `resource_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `region_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `created_at` bigint NOT NULL,
  PRIMARY KEY (`pk`),
  KEY `idx_region_type_pk` (`region_id`, `resource_type`, `pk`),
  KEY `idx_created_at` (`created_at`),
  KEY `idx_region_pk` (`region_id`, `pk`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
