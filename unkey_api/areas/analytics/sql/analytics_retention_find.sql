-- How long a workspace keeps its logs: at most one row, workspace_id is unique.
SELECT logs_retention_days_max FROM limits WHERE workspace_id = %(workspace_id)s
