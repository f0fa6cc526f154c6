-- The log of changes: what verifications and limits see differently, in the order of the commits of each lane.
CREATE TABLE IF NOT EXISTS `changes` (
  `lane` tinyint unsigned NOT NULL,
  `revision` bigint unsigned NOT NULL,
  `workspace_id` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `scope_id` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `kind` tinyint unsigned NOT NULL,
  `subject` varchar(512) COLLATE utf8mb4_bin NOT NULL,
  `wanted` boolean NOT NULL DEFAULT false,
  `at_m` bigint NOT NULL,
  PRIMARY KEY (`lane`, `revision`),
  KEY `workspace_revision_idx` (`workspace_id`, `revision`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
