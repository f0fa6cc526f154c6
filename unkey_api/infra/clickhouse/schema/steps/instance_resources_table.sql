-- Instance resource rollup (dashboards only) per {step}.
-- Filled by a view per inserted block: one key may have several rows, so a read must aggregate again.
CREATE TABLE IF NOT EXISTS instance_resources_per_{step}_v1 (
    `time` DateTime,
    `workspace_id` String,
    `project_id` SimpleAggregateFunction(anyLast, LowCardinality(String)),
    `app_id` SimpleAggregateFunction(anyLast, LowCardinality(String)),
    `environment_id` SimpleAggregateFunction(anyLast, LowCardinality(String)),
    `resource_type` SimpleAggregateFunction(anyLast, LowCardinality(String)),
    `resource_id` LowCardinality(String),
    `container_uid` String,
    `instance_id` SimpleAggregateFunction(anyLast, LowCardinality(String)),
    `cpu_usage_usec_min` SimpleAggregateFunction(min, Int64),
    `cpu_usage_usec_max` SimpleAggregateFunction(max, Int64),
{sum_column}    `memory_bytes_max` SimpleAggregateFunction(max, Int64),
    `cpu_allocated_millicores_max` SimpleAggregateFunction(max, Int32),
    `memory_allocated_bytes_max` SimpleAggregateFunction(max, Int64),
    `disk_allocated_bytes_max` SimpleAggregateFunction(max, Int64),
    `disk_used_bytes_max` SimpleAggregateFunction(max, Int64),
    `network_egress_public_bytes_min` SimpleAggregateFunction(min, Int64),
    `network_egress_public_bytes_max` SimpleAggregateFunction(max, Int64),
    `network_egress_private_bytes_min` SimpleAggregateFunction(min, Int64),
    `network_egress_private_bytes_max` SimpleAggregateFunction(max, Int64),
    `network_ingress_public_bytes_min` SimpleAggregateFunction(min, Int64),
    `network_ingress_public_bytes_max` SimpleAggregateFunction(max, Int64),
    `network_ingress_private_bytes_min` SimpleAggregateFunction(min, Int64),
    `network_ingress_private_bytes_max` SimpleAggregateFunction(max, Int64),
    `sample_count` SimpleAggregateFunction(sum, Int64),
    INDEX idx_instance_id instance_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY {partition}(time)
ORDER BY (workspace_id, resource_id, container_uid, time)
TTL time + INTERVAL {kept} DAY
