"""Invariants of the queues: each open step has its task, and each task its step."""

# The task that each state needs; deliberately separate from the definition in domain/tasks.py.
_WANTED = """
SELECT 'Fulfillment' AS subject_type, CAST(id AS text) AS subject_key,
  CASE status WHEN 'OPEN' THEN 'PICK' WHEN 'PICKED' THEN 'PACK' ELSE 'SHIP' END AS queue,
  location_id, 1 AS wanted, 0 AS found
FROM fulfillment WHERE status IN ('OPEN', 'PICKED', 'PACKED')
UNION ALL SELECT 'Return', CAST(id AS text), 'RECEIVE', destination_id, 1, 0
FROM customer_return WHERE status IN ('AUTHORIZED', 'IN_TRANSIT', 'PARTIALLY_RECEIVED')
UNION ALL SELECT 'ReturnItem', CAST(id AS text),
  CASE state WHEN 'INSPECTED' THEN 'DISPOSE' ELSE 'INSPECT' END, location_id, 1, 0
FROM return_item WHERE state IN ('RECEIVED', 'WRONG_ITEM', 'INSPECTED')
UNION ALL SELECT 'Transfer', CAST(id AS text),
  CASE status WHEN 'REQUESTED' THEN 'PICK' ELSE 'RECEIVE' END,
  CASE status WHEN 'REQUESTED' THEN origin_id ELSE destination_id END, 1, 0
FROM transfer WHERE status IN ('REQUESTED', 'IN_TRANSIT', 'PARTIALLY_RECEIVED')
"""
_LIVE = """
SELECT subject_type, subject_key, queue, location_id, 0, 1
FROM task WHERE status IN ('OPEN', 'CLAIMED') AND queue NOT IN ('COUNT', 'PUTAWAY')
"""

STEPS_HAVE_TASKS = f"""
SELECT queue || ' of ' || subject_type || ':' || subject_key || ' @ ' ||
  (SELECT l.code FROM location l WHERE l.id = location_id) AS place,
  CAST(SUM(wanted) AS text) || ' to do' AS expected, CAST(SUM(found) AS text) AS found
FROM ({_WANTED} UNION ALL {_LIVE}) AS sides
GROUP BY queue, subject_type, subject_key, location_id HAVING SUM(wanted) <> SUM(found)
"""
