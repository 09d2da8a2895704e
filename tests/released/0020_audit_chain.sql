-- Rows in every table that version 0020_audit_chain adds, beside those of the versions before.
INSERT INTO audit_seal (sequence, audit_id, previous_hash, hash) VALUES (1, '00000000-0000-7000-8000-000000000121', '0000000000000000000000000000000000000000000000000000000000000000', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
