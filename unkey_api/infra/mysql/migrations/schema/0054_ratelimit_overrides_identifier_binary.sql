-- What an override applies to is compared character by character.
ALTER TABLE `ratelimit_overrides` MODIFY `identifier` varchar(512) CHARACTER SET utf8mb4 COLLATE {binary} NOT NULL
