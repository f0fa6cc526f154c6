-- Live root keys of a workspace by id. `first` need not exist, so a page can go on although its first key was deleted.
SELECT id FROM `keys`
WHERE for_workspace_id = %(for_workspace_id)s AND deleted_at_m IS NULL AND id >= %(first)s
ORDER BY id LIMIT %(count)s
