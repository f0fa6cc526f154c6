-- What was written in one lane after a revision, oldest first.
-- No workspace filter: a process follows what happens to all workspaces.
SELECT revision, workspace_id, scope_id, kind, subject FROM changes
WHERE lane = %(lane)s AND revision > %(after)s ORDER BY revision LIMIT %(count)s
