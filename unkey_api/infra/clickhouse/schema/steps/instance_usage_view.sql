-- Usage per container and hour, from pairs of readings that follow each other: {scope}
-- Needs a server with scheduled views. A pair counts for the hour of its first reading, and only where both lie within two
-- minutes; counters that went back count as nothing.
CREATE MATERIALIZED VIEW IF NOT EXISTS {name} REFRESH EVERY {every} APPEND TO instance_usage_per_hour_v1 AS
SELECT
    toStartOfHour(toDateTime(fromUnixTimestamp64Milli(ts))) AS time,
    workspace_id,
    project_id,
    app_id,
    environment_id,
    resource_type,
    resource_id,
    container_uid,
    instance_id,
    sum(greatest(next_cpu_usage_usec - cpu_usage_usec, 0)) / 1e6 AS cpu_seconds,
    sum(toFloat64(least(memory_bytes, next_memory_bytes)) * (next_ts - ts)) / (3600000 * pow(1024, 3)) AS memory_gib_hours,
    sum(toFloat64(least(disk_allocated_bytes, next_disk_allocated_bytes)) * (next_ts - ts)) / (3600000 * pow(1024, 3)) AS disk_gib_hours,
    toInt64(sumIf(greatest(next_network_egress_public_bytes - network_egress_public_bytes, 0), attached AND next_attached)) AS network_egress_public_bytes,
    toInt64(sumIf(greatest(next_network_egress_private_bytes - network_egress_private_bytes, 0), attached AND next_attached)) AS network_egress_private_bytes,
    toInt64(sumIf(greatest(next_network_ingress_public_bytes - network_ingress_public_bytes, 0), attached AND next_attached)) AS network_ingress_public_bytes,
    toInt64(sumIf(greatest(next_network_ingress_private_bytes - network_ingress_private_bytes, 0), attached AND next_attached)) AS network_ingress_private_bytes,
    toInt64(count()) AS sample_pairs
FROM (
    SELECT
        workspace_id,
        project_id,
        app_id,
        environment_id,
        resource_type,
        resource_id,
        container_uid,
        instance_id,
        ts,
        cpu_usage_usec,
        memory_bytes,
        disk_allocated_bytes,
        network_egress_public_bytes,
        network_egress_private_bytes,
        network_ingress_public_bytes,
        network_ingress_private_bytes,
        attached,
        leadInFrame(ts, 1, ts) OVER following AS next_ts,
        leadInFrame(cpu_usage_usec, 1, cpu_usage_usec) OVER following AS next_cpu_usage_usec,
        leadInFrame(memory_bytes, 1, memory_bytes) OVER following AS next_memory_bytes,
        leadInFrame(disk_allocated_bytes, 1, disk_allocated_bytes) OVER following AS next_disk_allocated_bytes,
        leadInFrame(network_egress_public_bytes, 1, network_egress_public_bytes) OVER following AS next_network_egress_public_bytes,
        leadInFrame(network_egress_private_bytes, 1, network_egress_private_bytes) OVER following AS next_network_egress_private_bytes,
        leadInFrame(network_ingress_public_bytes, 1, network_ingress_public_bytes) OVER following AS next_network_ingress_public_bytes,
        leadInFrame(network_ingress_private_bytes, 1, network_ingress_private_bytes) OVER following AS next_network_ingress_private_bytes,
        leadInFrame(attached, 1, attached) OVER following AS next_attached
    FROM (
        SELECT
            workspace_id,
            project_id,
            app_id,
            environment_id,
            resource_type,
            resource_id,
            container_uid,
            instance_id,
            event_kind,
            ts,
            cpu_usage_usec,
            memory_bytes,
            disk_allocated_bytes,
            network_egress_public_bytes,
            network_egress_private_bytes,
            network_ingress_public_bytes,
            network_ingress_private_bytes,
            ifNull(attributes.network_attached::Nullable(Bool), false) AS attached
        FROM instance_checkpoints_v1 FINAL
        WHERE ts >= toUnixTimestamp64Milli(toDateTime64(toStartOfHour(now()) - INTERVAL {back}, 3)) - 120000
    )
    WINDOW following AS (
        PARTITION BY workspace_id, container_uid ORDER BY ts, event_kind
        ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING
    )
)
WHERE next_ts - ts > 0 AND next_ts - ts <= 120000 AND ts >= toUnixTimestamp64Milli(toDateTime64(toStartOfHour(now()) - INTERVAL {back}, 3))
GROUP BY time, workspace_id, project_id, app_id, environment_id, resource_type, resource_id, container_uid, instance_id
SETTINGS do_not_merge_across_partitions_select_final = 1
