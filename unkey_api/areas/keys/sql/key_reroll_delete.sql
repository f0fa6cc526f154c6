-- Forgets that a key was rerolled, because the key itself goes.
DELETE FROM key_rerolls WHERE key_id = %(key_id)s AND workspace_id = %(workspace_id)s
