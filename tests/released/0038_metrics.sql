-- Rows in every table that version 0034_metrics adds, beside those of the versions before.
INSERT INTO task_lapse (task_id, claimed_by, lapsed_at) SELECT id, 'ann', created_at FROM task;
