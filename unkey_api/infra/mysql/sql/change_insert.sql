-- Writes down what changed. Refused when a revision is there already, which only a lane that went back can cause.
INSERT INTO changes (lane, revision, workspace_id, scope_id, kind, subject, at_m)
VALUES (%(lane)s, %(revision)s, %(workspace_id)s, %(scope_id)s, %(kind)s, %(subject)s, %(at_m)s)
