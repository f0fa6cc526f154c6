-- Where root keys already live, the newest first, so that a database of another installation keeps one place for them.
-- No workspace filter: the answer is what names the operator's workspace.
SELECT key_auth_id, workspace_id FROM `keys`
WHERE for_workspace_id IS NOT NULL AND deleted_at_m IS NULL ORDER BY pk DESC LIMIT 1
