-- Proofs of ownership that the certificate authority asked for.
CREATE TABLE IF NOT EXISTS `acme_challenges` (
  `pk` bigint unsigned NOT NULL AUTO_INCREMENT,
  `domain_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `workspace_id` varchar(48) COLLATE {case_sensitive} NOT NULL,
  `token` varchar(255) COLLATE {case_sensitive} NOT NULL,
  `challenge_type` enum('HTTP-01', 'DNS-01') NOT NULL,
  `authorization` varchar(255) COLLATE {case_sensitive} NOT NULL,
  `status` enum('waiting', 'pending', 'verified', 'failed') NOT NULL,
  `expires_at` bigint NOT NULL,
  `created_at` bigint NOT NULL,
  `updated_at` bigint NULL,
  PRIMARY KEY (`pk`),
  UNIQUE KEY `acme_challenges_domain_id_unique` (`domain_id`),
  KEY `workspace_idx` (`workspace_id`),
  KEY `status_idx` (`status`)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {default}
