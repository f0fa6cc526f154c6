-- One row; the unique indexes refuse a second workspace with the same slug or organisation.
-- No workspace filter: the row is the workspace.
INSERT INTO workspaces (id, org_id, name, slug, beta_features, subscriptions, enabled, delete_protection, created_at_m)
VALUES (%(id)s, %(org_id)s, %(name)s, %(slug)s, '{}', '{}', true, true, %(created_at_m)s)
