-- Leaves the workspace with these quotas. A row that is there keeps its user and its password. Names the workspace_id.
INSERT INTO clickhouse_workspace_settings (
    workspace_id, username, password_encrypted, quota_duration_seconds, max_queries_per_window,
    max_execution_time_per_window, max_query_execution_time, max_query_memory_bytes, max_query_result_rows, created_at,
    updated_at
)
VALUES (
    %(workspace_id)s, %(workspace_id)s, %(password_encrypted)s, %(quota_duration_seconds)s, %(max_queries_per_window)s,
    %(max_execution_time_per_window)s, %(max_query_execution_time)s, %(max_query_memory_bytes)s,
    %(max_query_result_rows)s, %(now)s, %(now)s
)
ON DUPLICATE KEY UPDATE
    quota_duration_seconds = %(quota_duration_seconds)s,
    max_queries_per_window = %(max_queries_per_window)s,
    max_execution_time_per_window = %(max_execution_time_per_window)s,
    max_query_execution_time = %(max_query_execution_time)s,
    max_query_memory_bytes = %(max_query_memory_bytes)s,
    max_query_result_rows = %(max_query_result_rows)s,
    updated_at = %(now)s
