-- Gives the key an end, whatever it had before, and stamps it.
UPDATE `keys` SET expires = %(expires)s, updated_at_m = %(now)s WHERE id = %(id)s AND workspace_id = %(workspace_id)s
