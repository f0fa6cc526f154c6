-- At most one row, read as committed right now: a transaction that lost the race for the slug does not see the winner in
-- its own snapshot. The lock is shared because a refused insert holds a shared lock already; two losers asking for an
-- exclusive one would deadlock.
SELECT id FROM projects WHERE workspace_id = %(workspace_id)s AND slug = %(slug)s LOCK IN SHARE MODE
