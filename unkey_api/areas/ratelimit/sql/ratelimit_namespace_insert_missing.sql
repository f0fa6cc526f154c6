-- Inserts the namespaces whose names are free and leaves the others untouched, so that a race for one of several names
-- does not undo the rest. Which ones are ours is told by their ids. Each row names its workspace_id.
INSERT INTO ratelimit_namespaces (id, workspace_id, project_id, name, created_at_m)
VALUES (%(id)s, %(workspace_id)s, %(project_id)s, %(name)s, %(created_at_m)s)
ON DUPLICATE KEY UPDATE id = id
