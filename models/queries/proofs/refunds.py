"""Invariants of refunds: payments are not overdrawn, liabilities equal open refunds, one payout
each.
"""

from __future__ import annotations

from typing import Final

from models.queries.proofs.proof import Proof

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
FROM refund_attempt WHERE state = 'SUCCEEDED' AND overpaid_entry_id IS NULL
GROUP BY refund_id HAVING COUNT(*) > 1
"""

# Attempts that the refund accounts for; a payment beyond it is owed by the customer.
_COUNTED = "SELECT * FROM refund_attempt WHERE overpaid_entry_id IS NULL"

# The attempt that was paid, else the last one, matches the status of the refund.
STATUS_FOLLOWS_ATTEMPT = f"""
SELECT 'refund ' || CAST(id AS text) AS place, expected, status AS found FROM (
  SELECT r.id, r.status, CASE
    WHEN a.state IN ('OPEN', 'PENDING') THEN 'PROCESSING' ELSE a.state END AS expected
  FROM refund r JOIN ({_COUNTED}) AS a ON a.refund_id = r.id
  WHERE a.attempt_no = COALESCE(
    (SELECT MAX(b.attempt_no) FROM ({_COUNTED}) AS b WHERE b.refund_id = r.id
      AND b.state IN ('SUCCEEDED', 'REVERSED')),
    (SELECT MAX(c.attempt_no) FROM ({_COUNTED}) AS c WHERE c.refund_id = r.id))
) AS refunds
WHERE status <> expected AND NOT (expected = 'FAILED' AND status = 'CANCELLED')
"""

PAID_WITH_ATTEMPT = f"""
SELECT 'refund ' || CAST(r.id AS text) AS place, 'an attempt that succeeded' AS expected,
  'none' AS found
FROM refund r WHERE r.status IN ('SUCCEEDED', 'REVERSED') AND r.tender = 'ORIGINAL_PAYMENT'
  AND r.amount_minor > 0
  AND NOT EXISTS (SELECT 1 FROM ({_COUNTED}) AS a WHERE a.refund_id = r.id
    AND a.state IN ('SUCCEEDED', 'REVERSED'))
"""

# REFUND_UNKNOWN is open exactly while an attempt of the refund waits for a person.
_UNCERTAIN_IS_ALERTED = """
SELECT subject_key AS place,
  CASE WHEN SUM(waiting) > 0 THEN 'open' ELSE 'none open' END AS expected,
  CASE WHEN SUM(alerts) > 0 THEN 'open' ELSE 'none open' END AS found
FROM (
  SELECT 'Refund:' || CAST(a.refund_id AS text) AS subject_key, 1 AS waiting, 0 AS alerts
  FROM refund_attempt a WHERE a.contradicted_as IS NOT NULL
    OR (a.state = 'UNKNOWN' AND a.person_asked_at IS NOT NULL)
  UNION ALL
  SELECT e.subject_key, 0, 1 FROM operational_exception e
  WHERE e.kind = 'REFUND_UNKNOWN' AND e.status NOT IN ('RESOLVED', 'AUTO_RESOLVED')) AS sides
GROUP BY subject_key HAVING (SUM(waiting) > 0) <> (SUM(alerts) > 0)
"""

# The entry of an attempt that the refund does not account for has its amount, reversed if it was.
_OVERPAID_IS_OWED = """
SELECT 'refund ' || CAST(id AS text) AS place, CAST(amount_minor AS text) AS expected,
  CAST(owed AS text) AS found
FROM (
  SELECT r.id, CASE a.state WHEN 'SUCCEEDED' THEN r.amount_minor ELSE 0 END AS amount_minor, (
    SELECT COALESCE(SUM(l.debit_minor - l.credit_minor), 0) FROM journal_entry e
    JOIN journal_line l ON l.entry_id = e.id WHERE l.account = 'receivables'
      AND (e.id = a.overpaid_entry_id OR e.reverses_id = a.overpaid_entry_id)) AS owed
  FROM refund_attempt a JOIN refund r ON r.id = a.refund_id
  WHERE a.overpaid_entry_id IS NOT NULL) AS attempts
WHERE amount_minor <> owed
"""

# A chargeback's entry has its amount and currency; together they are within their payment.
_CHARGEBACKS_ARE_OWED = """
SELECT place, expected, found FROM (
  SELECT 'chargeback of ' || p.reference AS place,
    CAST(c.amount_minor AS text) || ' ' || c.currency AS expected,
    COALESCE((SELECT CAST(SUM(l.debit_minor - l.credit_minor) AS text) || ' ' || MAX(l.currency)
      FROM journal_line l WHERE l.entry_id = c.entry_id AND l.account = 'receivables'), 'nothing')
      AS found
  FROM payment_chargeback c JOIN order_payment p ON p.id = c.payment_id
  UNION ALL
  SELECT 'chargebacks of ' || p.reference, 'at most ' || CAST(p.amount_minor AS text),
    CASE WHEN SUM(c.amount_minor) > p.amount_minor THEN CAST(SUM(c.amount_minor) AS text)
      ELSE 'at most ' || CAST(p.amount_minor AS text) END
  FROM payment_chargeback c JOIN order_payment p ON p.id = c.payment_id
  GROUP BY p.id, p.reference, p.amount_minor) AS chargebacks
WHERE expected <> found
"""

# A person refunded units of a lost parcel, then it was delivered: if more units are refunded than
# the line has in other parcels, the money is asked back. Refunds opened after the delivery are for
# other reasons.
_FOUND_IS_RECOVERED = """
SELECT o.number || ' line ' || CAST(l.line_no AS text) AS place, 'REFUND_RECOVERY' AS expected,
  CAST(found.units - others AS text) || ' refunded units that were delivered' AS found
FROM (
  SELECT u.order_line_id, SUM(u.quantity) AS units, (
    SELECT m.shipped + m.delivered + m.lost - SUM(n.quantity)
    FROM order_line m JOIN fulfillment_line n ON n.order_line_id = m.id
    JOIN fulfillment f ON f.id = n.fulfillment_id
    WHERE m.id = u.order_line_id AND f.status = 'DELIVERED' AND EXISTS (
      SELECT 1 FROM carrier_event a JOIN carrier_event b
      ON b.tracking_number_key = a.tracking_number_key AND b.carrier_key = a.carrier_key
      WHERE a.tracking_number_key = f.tracking_number_key AND a.carrier_key = f.carrier_key
        AND a.status = 'LOST' AND b.status = 'DELIVERED' AND a.recorded_at < b.recorded_at)
    GROUP BY m.id, m.shipped, m.delivered, m.lost) AS others
  FROM refund r JOIN refund_unit u ON u.refund_id = r.id
  WHERE r.kind = 'GOODWILL' AND r.return_id IS NULL AND r.amount_minor > 0
    AND r.status NOT IN ('REJECTED', 'CANCELLED', 'REVERSED')
    AND EXISTS (SELECT 1 FROM fulfillment_line n JOIN fulfillment f ON f.id = n.fulfillment_id
      JOIN carrier_event a ON a.tracking_number_key = f.tracking_number_key
        AND a.carrier_key = f.carrier_key
      JOIN carrier_event b ON b.tracking_number_key = f.tracking_number_key
        AND b.carrier_key = f.carrier_key
      WHERE n.order_line_id = u.order_line_id AND f.status = 'DELIVERED' AND a.status = 'LOST'
        AND b.status = 'DELIVERED' AND a.recorded_at < b.recorded_at
        AND a.occurred_at <= r.created_at AND r.created_at < b.recorded_at)
    AND NOT EXISTS (SELECT 1 FROM operational_exception e WHERE e.kind = 'REFUND_RECOVERY'
      AND e.subject_key = 'Refund:' || CAST(r.id AS text))
  GROUP BY u.order_line_id) AS found
JOIN order_line l ON l.id = found.order_line_id JOIN sales_order o ON o.id = l.order_id
WHERE found.units > others
"""

PAYOUT_PROOFS: Final = (
    Proof("refunded losses that were delivered are recovered", _FOUND_IS_RECOVERED),
    Proof("chargebacks are owed by the customer", _CHARGEBACKS_ARE_OWED),
    Proof("REFUND_UNKNOWN is open while an attempt is uncertain", _UNCERTAIN_IS_ALERTED),
    Proof("overpaid attempts are owed by the customer", _OVERPAID_IS_OWED),
)

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

AMOUNT_IS_PARTS = """
SELECT 'refund ' || CAST(id AS text) AS place, CAST(expected AS text) AS expected,
  CAST(amount_minor AS text) AS found
FROM (SELECT id, amount_minor, items_minor + tax_minor + shipping_minor + shipping_tax_minor
    - fee_minor - COALESCE(unpaid_minor, 0) + owed_minor AS expected FROM refund) AS refunds
WHERE expected <> amount_minor
"""

# Units of an order line are in a refund, cancelled, on their way to the customer, or with it. An
# inspected unit is in a refund: paid, pending, of 0, or withdrawn by a person. So is every unit
# that an extra return of the same line brought. Units that go back to their customer need none.
UNITS_HAVE_REFUNDS = """
SELECT o.number || ' line ' || CAST(l.line_no AS text) AS place,
  CAST(inspected AS text) || ' units in refunds' AS expected,
  CAST(refunded AS text) || ' of ' || CAST(l.quantity AS text) || ' units; '
    || CAST(l.cancelled AS text) || ' cancelled, '
    || CAST(l.shipped + l.delivered + l.lost AS text) || ' shipped' AS found
FROM (
  SELECT i.order_line_id, i.units AS inspected, COALESCE((SELECT SUM(u.quantity)
    FROM refund_unit u WHERE u.order_line_id = i.order_line_id), 0) AS refunded
  FROM (SELECT t.order_line_id, SUM(t.quantity) AS units FROM return_item t
    JOIN customer_return r ON r.id = t.return_id
    WHERE t.order_line_id IS NOT NULL AND t.state IN ('INSPECTED', 'DISPOSED')
      AND COALESCE(t.disposition, '') <> 'RETURN_TO_CUSTOMER'
      AND r.status NOT IN ('DECLINED', 'CANCELLED') GROUP BY t.order_line_id) AS i) AS lines
JOIN order_line l ON l.id = lines.order_line_id JOIN sales_order o ON o.id = l.order_id
WHERE refunded < inspected AND refunded < l.quantity - l.cancelled
"""
