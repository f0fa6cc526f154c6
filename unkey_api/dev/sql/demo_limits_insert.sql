-- What the workspace may use: generous, and no limit on requests, because it is one developer's. Kept if it is there.
INSERT INTO limits (
    workspace_id, api_billable_operations_count_max_per_month, api_requests_count_max_per_minute,
    logs_retention_days_max, logs_audit_retention_days_max, team_enabled,
    cpu_cores_max, cpu_cores_max_per_instance, memory_mib_max, memory_mib_max_per_instance,
    storage_mib_max, storage_mib_max_per_instance, builds_concurrent_max, custom_domains_max, autoscaling_replicas_max
)
VALUES (%(workspace_id)s, 100000000, NULL, 90, 90, true, 64, 8, 262144, 32768, 1048576, 102400, 10, 100, 20)
ON DUPLICATE KEY UPDATE workspace_id = workspace_id
