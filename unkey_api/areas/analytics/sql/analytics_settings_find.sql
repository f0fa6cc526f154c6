-- How a workspace asks ClickHouse. A workspace without limits is not set up: at most one row, both ids are unique.
SELECT
    s.username,
    s.password_encrypted,
    s.max_query_result_rows,
    l.logs_retention_days_max
FROM clickhouse_workspace_settings s
JOIN limits l ON l.workspace_id = s.workspace_id
WHERE s.workspace_id = %(workspace_id)s
