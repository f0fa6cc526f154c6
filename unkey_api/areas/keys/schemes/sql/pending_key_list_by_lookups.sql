-- Salted hashes of keys that begin like the one presented, through the index of hash: no pattern starts with a wildcard,
-- and one that is empty matches nothing. Few rows, because each costs an expensive verification.
SELECT hash FROM `keys`
WHERE (hash LIKE %(a)s ESCAPE '|' OR hash LIKE %(b)s ESCAPE '|' OR hash LIKE %(c)s ESCAPE '|'
  OR hash LIKE %(d)s ESCAPE '|' OR hash LIKE %(e)s ESCAPE '|' OR hash LIKE %(f)s ESCAPE '|')
  AND pending_migration_id = %(migration_id)s AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL
ORDER BY CHAR_LENGTH(hash) DESC, pk LIMIT %(count)s
