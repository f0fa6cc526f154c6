-- Leaves exactly one live override for the identifier, whether there was none, a live one or a deleted one. An existing
-- row keeps its id and creation time. The row names its workspace_id.
INSERT INTO ratelimit_overrides (id, workspace_id, namespace_id, identifier, `limit`, duration, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(namespace_id)s, %(identifier)s, %(limit)s, %(duration)s, %(now)s)
ON DUPLICATE KEY UPDATE `limit` = %(limit)s, duration = %(duration)s, updated_at_m = %(now)s, deleted_at_m = NULL
