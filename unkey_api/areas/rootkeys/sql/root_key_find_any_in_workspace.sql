-- Whether root keys are rows of a workspace. Goes through the index of for_workspace_id: the table is large, root keys are
-- few.
SELECT id FROM `keys` FORCE INDEX (idx_keys_on_for_workspace_id)
WHERE for_workspace_id > '' AND workspace_id = %(workspace_id)s AND deleted_at_m IS NULL LIMIT 1
