-- Rows in every table that version 0031_bins adds, beside those of the versions before.
INSERT INTO location (id, code, code_key, name, kind, parent_id, time_zone, pack_required, active, walk_order, scan_required) VALUES (4, 'LEEDS-A-1', 'leeds-a-1', 'Shelf 1', 'BIN', 2, 'Europe/London', FALSE, TRUE, 1, TRUE);
UPDATE stock_level SET binned = 3, picked = 1 WHERE id = 1;
INSERT INTO bin_stock (id, level_id, bin_id, quantity, since_at) VALUES ('00000000-0000-7000-8000-000000000701', 1, 4, 3, '2026-03-02 09:00:00.000000+00:00');
INSERT INTO bin_movement (id, level_id, from_bin_id, to_bin_id, quantity, actor, occurred_at, transaction_id, digest) VALUES ('00000000-0000-7000-8000-000000000702', 1, NULL, 4, 3, 'walt', '2026-03-02 09:00:00.000000+00:00', '00000000-0000-7000-8000-0000000000f1', 'd7');
INSERT INTO putaway_round (location_id, after_item_id) VALUES (1, 1);
