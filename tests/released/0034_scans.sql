-- Rows in every table that version 0033_scans adds.
INSERT INTO unbooked_pick (id, item_id, location_id, units, bin_id, actor) VALUES (1, 1, 1, 1, 4, 'walt');
INSERT INTO scan_call (id, location_id, queue, actor, scanned_at, scans, refused) VALUES ('00000000-0000-7000-8000-000000000801', 1, 'PICK', 'walt', '2026-03-02 09:00:00.000000+00:00', 2, 1);
