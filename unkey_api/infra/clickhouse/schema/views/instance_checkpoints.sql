-- Counter readings without the repetitions that are not merged yet.
CREATE VIEW IF NOT EXISTS instance_checkpoints AS SELECT * FROM instance_checkpoints_v1 FINAL
