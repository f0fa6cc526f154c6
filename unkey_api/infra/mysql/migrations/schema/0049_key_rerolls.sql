-- Keys that were given their end by a reroll, so that a retry of the same reroll makes no second successor. Ours alone:
-- no other program that shares the database knows the table, and without its rows rerolls work as on unknown keys.
CREATE TABLE IF NOT EXISTS `key_rerolls` (
  `key_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `successor_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `ends_at` bigint NOT NULL,
  `created_at_m` bigint NOT NULL,
  PRIMARY KEY (`key_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
