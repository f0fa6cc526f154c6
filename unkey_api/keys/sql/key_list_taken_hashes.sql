-- Hashes are unique across workspaces and outlive soft deletion, so there is no filter on either.
SELECT hash FROM `keys` WHERE hash IN %(hashes)s
