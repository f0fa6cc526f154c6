-- How far every lane has come: 16 small rows.
-- No workspace filter: lanes belong to all workspaces.
SELECT lane, revision FROM change_lanes
