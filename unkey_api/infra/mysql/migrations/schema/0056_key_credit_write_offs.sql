-- How much of what was granted from copies of a balance is taken off it already, per key and epoch of its tally in Redis.
-- Ours alone: a program that knows only keys.remaining_requests finds there what it always found.
CREATE TABLE IF NOT EXISTS `key_credit_write_offs` (
  `key_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `epoch` bigint unsigned NOT NULL,
  `written` bigint unsigned NOT NULL,
  PRIMARY KEY (`key_id`, `epoch`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
