-- Those of the ids that exist in the workspace.
SELECT id FROM ratelimit_namespaces WHERE workspace_id = %(workspace_id)s AND id IN %(ids)s
