-- Takes out windows that are over, the oldest first and only so many, so that pushes never wait long for its locks.
-- Nobody reads these rows: listing leaves out what has expired.
-- No workspace filter: the table is the limiter's own, and it serves every workspace.
DELETE FROM ratelimit_global_counters WHERE expires_at < %(now_ms)s ORDER BY expires_at LIMIT %(at_most)s
