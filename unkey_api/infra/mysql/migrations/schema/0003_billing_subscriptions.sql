-- A workspace's subscriptions with the payment provider, one per product.
CREATE TABLE IF NOT EXISTS `billing_subscriptions` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `product` enum('api', 'compute') NOT NULL,
  `stripe_subscription_id` varchar(256) COLLATE {case_sensitive} NOT NULL,
  `created_at` bigint NOT NULL DEFAULT 0,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `billing_subscriptions_stripe_subscription_id_unique` (`stripe_subscription_id`),
  UNIQUE KEY `unique_product_per_workspace` (`workspace_id`, `product`),
  KEY `workspace_id_idx` (`workspace_id`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
