-- Rows in every table that version 0006_archive adds, beside those of the versions before.
INSERT INTO archived_event (id, position, transaction_id, digest) VALUES (900, 900, '00000000-0000-7000-8000-000000000601', 'd');
