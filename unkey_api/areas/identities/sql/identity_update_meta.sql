-- Replaces the metadata of one identity. The caller holds its lock and knows that it is live.
UPDATE identities SET meta = %(meta)s, updated_at = %(now)s WHERE id = %(id)s AND workspace_id = %(workspace_id)s
