-- At most one row: access_token_hash is unique. Expired and revoked sessions match: the row is cached, and judged anew for
-- each request.
-- No workspace filter: the caller presents a secret, not a workspace.
SELECT
  id,
  workspace_id,
  portal_id,
  external_id,
  scopes,
  exchange_code_expires_at,
  access_token_hash,
  access_token_created_at,
  access_token_expires_at,
  revoked_at
FROM portal_sessions
WHERE access_token_hash = %(hash)s
