-- How far every lane has come: 16 small rows.
SELECT lane, revision FROM change_lanes
