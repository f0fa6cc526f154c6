-- Where root keys already live, so that a database of another installation keeps one place for them. Goes through the
-- index of for_workspace_id: the table is large, root keys are few.
-- No workspace filter: the answer is what names the operator's workspace.
SELECT k.key_auth_id, k.workspace_id
FROM `keys` k FORCE INDEX (idx_keys_on_for_workspace_id)
JOIN apis a ON a.key_auth_id = k.key_auth_id AND a.deleted_at_m IS NULL
WHERE k.for_workspace_id > '' AND k.deleted_at_m IS NULL
ORDER BY k.for_workspace_id LIMIT 1
