-- A live workspace.
INSERT INTO workspaces (id, org_id, name, slug, beta_features, enabled, delete_protection, created_at_m)
VALUES (%(id)s, %(org_id)s, %(name)s, %(slug)s, '{}', true, true, %(now)s)
