-- Which of the roles exist as of now; those stay until the transaction ends. In one order, against deadlocks.
SELECT id FROM roles WHERE workspace_id = %(workspace_id)s AND id IN %(ids)s ORDER BY id LOCK IN SHARE MODE
