-- Two identifiers never share a count.
ALTER TABLE `ratelimit_global_counters`
  MODIFY `namespace` varchar(255) CHARACTER SET utf8mb4 COLLATE {binary} NOT NULL,
  MODIFY `identifier` varchar(255) CHARACTER SET utf8mb4 COLLATE {binary} NOT NULL
