-- Queues audit entries for delivery. Nothing is unique here besides the counter, so a replayed transaction is safe
-- only because its first attempt was rolled back. The deletion mark stays NULL until an entry was delivered.
-- Each row names its workspace_id.
INSERT INTO clickhouse_outbox (version, workspace_id, event_id, payload, created_at, deleted_at)
VALUES (%(version)s, %(workspace_id)s, %(event_id)s, %(payload)s, %(created_at)s, NULL)
