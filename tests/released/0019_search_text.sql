-- Rows in every table that version 0019_search_text adds, beside those of the versions before.
INSERT INTO item_text (item_id, search_text) VALUES (1, 'tee-m t-shirt, medium 501');
