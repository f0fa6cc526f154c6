-- The column ignores letter case, so a slug may find one that is spelled differently; the caller compares.
SELECT id, slug, name, description FROM permissions WHERE workspace_id = %(workspace_id)s AND slug IN %(slugs)s
ORDER BY pk
