-- A unit that was missing before this version: no movement has made it so.
INSERT INTO missing_change (level_id, movement_id, units) VALUES (1, NULL, 1);
