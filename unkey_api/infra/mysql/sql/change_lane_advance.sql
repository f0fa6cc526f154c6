-- Takes the next revisions of a lane. The row stays locked until the transaction ends, so commits come in the order of
-- their revisions and none is left out. LAST_INSERT_ID(expr) makes the server hand the new number back with its answer.
-- No workspace filter: a lane belongs to many workspaces.
UPDATE change_lanes SET revision = LAST_INSERT_ID(revision + %(count)s) WHERE lane = %(lane)s
