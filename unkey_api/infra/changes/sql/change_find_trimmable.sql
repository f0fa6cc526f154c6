-- The newest of the oldest changes of a lane that are all older than the limit. NULL when there is none.
-- No workspace filter: old changes go, whoever made them.
SELECT MAX(old.revision) AS revision
FROM (SELECT revision, at_m FROM changes WHERE lane = %(lane)s ORDER BY revision LIMIT %(count)s) old
WHERE old.at_m < %(before)s
