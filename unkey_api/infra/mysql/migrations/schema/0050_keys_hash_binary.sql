-- A hash is equal to itself only, as in the code: not to another spelling that a language holds equal. Finer than what
-- was there, so no row can become a duplicate. Repeating it changes nothing.
ALTER TABLE `keys` MODIFY `hash` varchar(256) CHARACTER SET utf8mb4 COLLATE {binary} NOT NULL
