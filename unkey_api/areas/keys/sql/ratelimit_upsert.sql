-- A limit of this name on the key keeps its id and its time of creation and takes the new settings.
INSERT INTO ratelimits (id, name, workspace_id, created_at, key_id, `limit`, duration, auto_apply)
VALUES (%(id)s, %(name)s, %(workspace_id)s, %(created_at)s, %(key_id)s, %(limit)s, %(duration)s, %(auto_apply)s)
ON DUPLICATE KEY UPDATE
  `limit` = VALUES(`limit`), duration = VALUES(duration), auto_apply = VALUES(auto_apply), updated_at = VALUES(created_at)
