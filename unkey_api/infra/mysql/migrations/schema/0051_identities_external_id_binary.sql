-- An external id is equal to itself only, as in the systems it comes from.
ALTER TABLE `identities` MODIFY `external_id` varchar(256) CHARACTER SET utf8mb4 COLLATE {binary} NOT NULL
