-- Rows in every table that version 0009_policy_starts adds, beside those of the versions before.
INSERT INTO policy_start (policy_id) SELECT id FROM policy ORDER BY id LIMIT 1;
