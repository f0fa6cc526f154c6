-- The name of a limit is equal to itself only.
ALTER TABLE `ratelimits` MODIFY `name` varchar(256) CHARACTER SET utf8mb4 COLLATE {binary} NOT NULL
