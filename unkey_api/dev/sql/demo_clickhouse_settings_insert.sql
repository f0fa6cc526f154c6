-- How the workspace's analytics queries log in. The limits are the table's defaults. Kept if it is there.
INSERT INTO clickhouse_workspace_settings (workspace_id, username, password_encrypted, created_at)
VALUES (%(workspace_id)s, %(workspace_id)s, %(password)s, %(now)s)
ON DUPLICATE KEY UPDATE workspace_id = workspace_id
