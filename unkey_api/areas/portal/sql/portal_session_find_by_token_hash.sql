-- At most one row: access_token_hash is unique, and so is the id of a workspace. Expired and revoked sessions match: the row
-- is cached, and judged anew for each request. Those of a workspace that is deleted or disabled do not.
-- No workspace filter: the caller presents a secret, not a workspace.
SELECT
  s.id,
  s.workspace_id,
  s.portal_id,
  s.external_id,
  s.scopes,
  s.exchange_code_expires_at,
  s.access_token_hash,
  s.access_token_created_at,
  s.access_token_expires_at,
  s.revoked_at
FROM portal_sessions s
JOIN workspaces w ON w.id = s.workspace_id AND w.deleted_at_m IS NULL AND w.enabled
WHERE s.access_token_hash = %(hash)s
