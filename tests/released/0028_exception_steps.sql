-- Rows in every table that version 0028_exception_steps adds, beside those of the versions before.
INSERT INTO exception_step (exception_id, recorded_at, actor, action, status, owner, note) SELECT id, opened_at, 'ann', 'COMMENTED', 'OPEN', 'ann', 'Asked the carrier.' FROM operational_exception;
