"""Invariants of refunds: payments are not overdrawn, liabilities equal open refunds, one payout
each.
"""

# Refunds that draw on a payment: all except rejected, cancelled and reversed ones.
_DRAWS = "status NOT IN ('REJECTED', 'CANCELLED', 'REVERSED')"
_UNPAID = "('APPROVED', 'PROCESSING', 'FAILED', 'UNKNOWN')"

PAYMENTS_BEAR_REFUNDS = f"""
SELECT number || ' ' || reference AS place, 'at most ' || CAST(amount_minor AS text) AS expected,
  CAST(drawn AS text) AS found
FROM (
  SELECT o.number, p.reference, p.amount_minor, (SELECT COALESCE(SUM(r.amount_minor), 0)
    FROM refund r WHERE r.payment_id = p.id AND r.{_DRAWS}) AS drawn
  FROM order_payment p JOIN sales_order o ON o.id = p.order_id) AS payments
WHERE drawn > amount_minor
"""

DRAWN_IS_REFUNDS = f"""
SELECT number || ' ' || reference AS place, CAST(drawn AS text) AS expected,
  CAST(drawn_minor AS text) AS found
FROM (
  SELECT o.number, p.reference, p.drawn_minor, (SELECT COALESCE(SUM(r.amount_minor), 0)
    FROM refund r WHERE r.payment_id = p.id AND r.{_DRAWS}) AS drawn
  FROM order_payment p JOIN sales_order o ON o.id = p.order_id) AS payments
WHERE drawn <> drawn_minor
"""

# A cancellation is a liability from its posting on. Any other refund is one from its decision on,
# except for the part that a cancellation already owed.
LIABILITY_IS_OPEN_REFUNDS = f"""
SELECT 'refund_liability ' || currency AS place, CAST(SUM(owed) AS text) AS expected,
  CAST(SUM(balance) AS text) AS found
FROM (
  SELECT currency, 0 AS owed, SUM(credit_minor) - SUM(debit_minor) AS balance
  FROM journal_line WHERE account = 'refund_liability' GROUP BY currency
  UNION ALL
  SELECT currency, SUM(refund_minor), 0 FROM order_cancellation GROUP BY currency
  UNION ALL
  SELECT currency, SUM(CASE
    WHEN kind = 'CANCELLATION' AND status = 'SUCCEEDED' THEN -amount_minor
    WHEN kind <> 'CANCELLATION' AND status IN {_UNPAID} THEN amount_minor - owed_minor
    WHEN kind <> 'CANCELLATION' AND status = 'SUCCEEDED' THEN -owed_minor
    ELSE 0 END), 0
  FROM refund GROUP BY currency) AS sides
GROUP BY currency HAVING SUM(owed) <> SUM(balance)
"""

ONE_UNSETTLED_ATTEMPT = """
SELECT 'refund ' || CAST(refund_id AS text) AS place, 'at most 1 unsettled' AS expected,
  CAST(COUNT(*) AS text) AS found
FROM refund_attempt WHERE state IN ('OPEN', 'PENDING', 'UNKNOWN')
GROUP BY refund_id HAVING COUNT(*) > 1
"""

ONE_PAID_ATTEMPT = """
SELECT 'refund ' || CAST(refund_id AS text) AS place, 'at most 1 that succeeded' AS expected,
  CAST(COUNT(*) AS text) AS found
FROM refund_attempt WHERE state = 'SUCCEEDED'
GROUP BY refund_id HAVING COUNT(*) > 1
"""

# The state of the last attempt matches the status of the refund.
STATUS_FOLLOWS_ATTEMPT = """
SELECT 'refund ' || CAST(id AS text) AS place, expected, status AS found FROM (
  SELECT r.id, r.status, CASE
    WHEN a.state IN ('OPEN', 'PENDING') THEN 'PROCESSING' ELSE a.state END AS expected
  FROM refund r JOIN refund_attempt a ON a.refund_id = r.id
  WHERE a.attempt_no = (SELECT MAX(b.attempt_no) FROM refund_attempt b WHERE b.refund_id = r.id)
) AS refunds
WHERE status <> expected AND NOT (expected = 'FAILED' AND status = 'CANCELLED')
"""

PAID_WITH_ATTEMPT = """
SELECT 'refund ' || CAST(r.id AS text) AS place, 'an attempt that succeeded' AS expected,
  'none' AS found
FROM refund r WHERE r.status IN ('SUCCEEDED', 'REVERSED') AND r.tender = 'ORIGINAL_PAYMENT'
  AND NOT EXISTS (SELECT 1 FROM refund_attempt a WHERE a.refund_id = r.id
    AND a.state IN ('SUCCEEDED', 'REVERSED'))
"""

ENOUGH_APPROVALS = """
SELECT 'refund ' || CAST(id AS text) AS place, CAST(approvals_required AS text) AS expected,
  CAST(agreed AS text) AS found
FROM (
  SELECT r.id, r.approvals_required, (SELECT COUNT(*) FROM refund_approval a
    WHERE a.refund_id = r.id AND a.decision = 'APPROVED') AS agreed
  FROM refund r
  WHERE r.status IN ('APPROVED', 'PROCESSING', 'SUCCEEDED', 'FAILED', 'UNKNOWN', 'REVERSED')
) AS refunds
WHERE agreed < approvals_required
"""

# Counted units are at most those of their line, and so is the amount refunded for them.
LINES_BEAR_REFUNDS = f"""
SELECT number || ' line ' || CAST(line_no AS text) AS place,
  'at most ' || CAST(quantity AS text) || ' units, ' || CAST(net AS text) AS expected,
  CAST(units AS text) || ' units, ' || CAST(given AS text) AS found
FROM (
  SELECT o.number, l.line_no, l.quantity - l.cancelled AS quantity,
    l.unit_price_minor * l.quantity - l.discount_minor AS net,
    SUM(u.quantity) AS units, SUM(u.net_minor) AS given
  FROM refund_unit u JOIN refund r ON r.id = u.refund_id JOIN order_line l ON l.id = u.order_line_id
  JOIN sales_order o ON o.id = l.order_id WHERE r.{_DRAWS}
  GROUP BY o.number, l.line_no, l.quantity, l.cancelled, l.unit_price_minor, l.discount_minor
) AS lines
WHERE units > quantity OR given > net
"""
