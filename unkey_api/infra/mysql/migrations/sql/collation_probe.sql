-- Fails with error 1273 when the server does not know the collation.
-- No workspace filter: the schema belongs to no workspace.
SELECT COLLATION(CONVERT('a' USING utf8mb4) COLLATE {collation}) AS collation_name
