-- At most one row: workspace_id is unique. NULL means that the workspace may call as often as it likes.
SELECT api_requests_count_max_per_minute AS requests_per_minute FROM limits WHERE workspace_id = %(workspace_id)s
