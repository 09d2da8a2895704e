-- Rows in every table that version 0047_playbooks adds, beside those of the versions before.
INSERT INTO playbook_run (id, playbook, status, reason, policy_scope, policy_version, end_by, channels, locations, skus, carriers, started_by, started_at) VALUES ('00000000-0000-7000-8000-000000000a01', 'RECALL', 'ACTIVE', 'A batch is recalled.', 'global', 1, 'OTHER', '["web"]', NULL, '["TEE-M"]', '["simulator"]', 'sue', '2026-03-02 09:00:00.000000+00:00');
INSERT INTO playbook_measure (id, run_id, kind, units, affected) VALUES ('00000000-0000-7000-8000-000000000a02', '00000000-0000-7000-8000-000000000a01', 'STOP_SALE', NULL, 1);
INSERT INTO playbook_place (id, run_id, channel_id, location_id) VALUES ('00000000-0000-7000-8000-000000000a03', '00000000-0000-7000-8000-000000000a01', 1, NULL);
INSERT INTO playbook_item (id, run_id, item_id) VALUES ('00000000-0000-7000-8000-000000000a04', '00000000-0000-7000-8000-000000000a01', 1);
INSERT INTO playbook_carrier (id, run_id, carrier, carrier_key) VALUES ('00000000-0000-7000-8000-000000000a05', '00000000-0000-7000-8000-000000000a01', 'simulator', 'simulator');
INSERT INTO quarantined_unit (id, run_id, item_id, location_id, taken, given_back, settled) VALUES ('00000000-0000-7000-8000-000000000a06', '00000000-0000-7000-8000-000000000a01', 1, 1, 2, 0, FALSE);
