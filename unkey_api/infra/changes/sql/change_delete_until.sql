-- Removes the oldest changes of a lane, by a range of its primary key.
-- No workspace filter: old changes go, whoever made them.
DELETE FROM changes WHERE lane = %(lane)s AND revision <= %(until)s
