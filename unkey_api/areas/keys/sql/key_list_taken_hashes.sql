-- Which of these hashes are taken, by live or deleted keys alike.
-- No workspace filter: hashes are unique across workspaces and outlive soft deletion.
SELECT hash FROM `keys` WHERE hash IN %(hashes)s
