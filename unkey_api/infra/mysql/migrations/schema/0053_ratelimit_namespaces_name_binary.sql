-- The name of a namespace is equal to itself only: counters and caches go by its characters.
ALTER TABLE `ratelimit_namespaces` MODIFY `name` varchar(512) CHARACTER SET utf8mb4 COLLATE {binary} NOT NULL
