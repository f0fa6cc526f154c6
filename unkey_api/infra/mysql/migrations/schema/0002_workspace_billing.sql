-- What a workspace pays and how much it may spend.
CREATE TABLE IF NOT EXISTS `workspace_billing` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `tier` varchar(256) NULL DEFAULT 'Free',
  `stripe_customer_id` varchar(256) COLLATE {case_sensitive} NULL,
  `plan` varchar(64) NULL,
  `plan_override` varchar(64) NULL,
  `spend_budget_cents` bigint unsigned NULL,
  `spend_budget_stop` boolean NOT NULL DEFAULT false,
  `spend_suspended` boolean NOT NULL DEFAULT false,
  `created_at_m` bigint NOT NULL DEFAULT 0,
  `updated_at_m` bigint NULL,
  `deleted_at_m` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `workspace_billing_workspace_id_unique` (`workspace_id`),
  KEY `spend_budget_cents_idx` (`spend_budget_cents`),
  KEY `spend_suspended_idx` (`spend_suspended`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
