-- Rows in every table that version 0033_item_codes adds, beside those of the versions before.
INSERT INTO item_code (item_id, code, scan_key, units, is_listed) VALUES (1, 'TEE-M-BOX', 'tee-m-box', 6, TRUE);
