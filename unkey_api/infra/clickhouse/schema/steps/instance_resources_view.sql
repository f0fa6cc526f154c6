-- Fills instance_resources_per_{step}_v1 from every block inserted into instance_checkpoints_v1.
CREATE MATERIALIZED VIEW IF NOT EXISTS instance_resources_per_{step}_mv_v1 TO instance_resources_per_{step}_v1 AS
SELECT
    {begin} AS time,
    source.workspace_id AS workspace_id,
    source.project_id AS project_id,
    source.app_id AS app_id,
    source.environment_id AS environment_id,
    source.resource_type AS resource_type,
    source.resource_id AS resource_id,
    source.container_uid AS container_uid,
    source.instance_id AS instance_id,
    min(source.cpu_usage_usec) AS cpu_usage_usec_min,
    max(source.cpu_usage_usec) AS cpu_usage_usec_max,
{sum_value}    max(source.memory_bytes) AS memory_bytes_max,
    max(source.cpu_allocated_millicores) AS cpu_allocated_millicores_max,
    max(source.memory_allocated_bytes) AS memory_allocated_bytes_max,
    max(source.disk_allocated_bytes) AS disk_allocated_bytes_max,
    max(source.disk_used_bytes) AS disk_used_bytes_max,
    min(source.network_egress_public_bytes) AS network_egress_public_bytes_min,
    max(source.network_egress_public_bytes) AS network_egress_public_bytes_max,
    min(source.network_egress_private_bytes) AS network_egress_private_bytes_min,
    max(source.network_egress_private_bytes) AS network_egress_private_bytes_max,
    min(source.network_ingress_public_bytes) AS network_ingress_public_bytes_min,
    max(source.network_ingress_public_bytes) AS network_ingress_public_bytes_max,
    min(source.network_ingress_private_bytes) AS network_ingress_private_bytes_min,
    max(source.network_ingress_private_bytes) AS network_ingress_private_bytes_max,
    toInt64(count()) AS sample_count
FROM instance_checkpoints_v1 AS source
GROUP BY time, workspace_id, project_id, app_id, environment_id, resource_type, resource_id, container_uid, instance_id
