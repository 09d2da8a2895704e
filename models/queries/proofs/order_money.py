"""Invariants of an order's money: totals, payments, and accounts computed anew from its facts."""

from __future__ import annotations

ORDER_TOTAL = """
SELECT number AS place, CAST(expected AS text) AS expected, CAST(total_minor AS text) AS found
FROM (
  SELECT o.number, o.total_minor, o.shipping_minor + o.shipping_tax_minor + COALESCE((
    SELECT SUM(l.unit_price_minor * l.quantity - l.discount_minor + l.tax_minor)
    FROM order_line l WHERE l.order_id = o.id), 0) AS expected
  FROM sales_order o) AS orders
WHERE expected <> total_minor
"""

PAYMENTS = """
SELECT number AS place, 'at most ' || CAST(total_minor AS text) AS expected,
  CAST(paid AS text) AS found
FROM (SELECT o.number, o.total_minor, COALESCE((
    SELECT SUM(p.amount_minor) FROM order_payment p WHERE p.order_id = o.id), 0) AS paid
  FROM sales_order o) AS orders
WHERE paid > total_minor
"""

PAYMENT_CURRENCY = """
SELECT o.number AS place, o.currency AS expected, p.currency AS found
FROM order_payment p JOIN sales_order o ON o.id = p.order_id WHERE p.currency <> o.currency
"""


# Money that was paid beyond a refund or charged back is owed apart from the order's sales; other
# proofs cover it.
_OVERPAID = (
    "SELECT a.overpaid_entry_id FROM refund_attempt a WHERE a.overpaid_entry_id IS NOT NULL"
    " UNION ALL SELECT c.entry_id FROM payment_chargeback c"
)
_OF_SALES = (
    f"e.id NOT IN ({_OVERPAID}) AND (e.reverses_id IS NULL OR e.reverses_id NOT IN ({_OVERPAID}))"
)


def _customer_account(account: str, column: str, sign: str) -> str:
    """A column of the order equals the balance of the account in the order's entries."""
    # The journal is summed once for all orders. PostgreSQL without statistics read all lines of the
    # account again for every order: 5,000 orders took minutes.
    return f"""
WITH booked AS MATERIALIZED (
  SELECT e.reference, l.currency, SUM({sign}) AS balance
  FROM journal_line l JOIN journal_entry e ON e.id = l.entry_id
  WHERE l.account = '{account}' AND {_OF_SALES}
  GROUP BY e.reference, l.currency)
SELECT o.number AS place, CAST(COALESCE(b.balance, 0) AS text) AS expected,
  CAST(o.{column} AS text) AS found
FROM sales_order o LEFT JOIN booked b ON b.reference = o.number AND b.currency = o.currency
WHERE COALESCE(b.balance, 0) <> o.{column}
"""


DEPOSITS = _customer_account("customer_deposits", "deposit_minor", "l.credit_minor - l.debit_minor")
RECEIVABLES = _customer_account("receivables", "receivable_minor", "l.debit_minor - l.credit_minor")

HOLD_ORDERS = """
SELECT 'reservation ' || CAST(r.id AS text) AS place, 'an order' AS expected,
  CAST(r.order_id AS text) AS found
FROM reservation r WHERE r.order_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM sales_order o WHERE o.id = r.order_id)
"""


def _share(total: str, part: str, whole: str) -> str:
    """SQL of total × part ÷ whole, rounded half-even; without products beyond 64 bits."""
    rest = f"({total} % {whole}) * {part}"
    quotient = f"(({total} / {whole}) * {part} + {rest} / {whole})"
    twice = f"(2 * ({rest} % {whole}))"
    is_up = f"{twice} > {whole} OR ({twice} = {whole} AND {quotient} % 2 = 1)"
    return f"({quotient} + CASE WHEN {is_up} THEN 1 ELSE 0 END)"


_NET = "(l.unit_price_minor * l.quantity - l.discount_minor)"
_LEFT = "(l.shipped + l.delivered + l.lost)"
_BOOKED = "('APPROVED', 'PROCESSING', 'FAILED', 'UNKNOWN', 'SUCCEEDED')"

# The value of what was shipped, less refunds that are decided and count. The customer's account is
# the payments less what they cover.
_FACTS = f"""
facts AS MATERIALIZED (
  SELECT o.id, o.number, o.currency,
    s.net - COALESCE(g.items, 0) AS sales,
    s.tax + (o.shipping_tax_minor - COALESCE(c.shipping_tax, 0)) * s.has_left
      - COALESCE(g.tax, 0) AS tax,
    (o.shipping_minor - COALESCE(c.shipping, 0)) * s.has_left - COALESCE(g.shipping, 0) AS shipping,
    COALESCE(g.fee, 0) AS fees,
    COALESCE(p.paid, 0) - COALESCE(c.refund, 0) - COALESCE(g.amount, 0) AS kept
  FROM sales_order o
  JOIN (
    SELECT l.order_id, MAX(CASE WHEN l.shipped + l.delivered + l.lost > 0 THEN 1 ELSE 0 END)
        AS has_left,
      SUM({_share(_NET, _LEFT, "l.quantity")}) AS net,
      SUM({_share("l.tax_minor", _LEFT, "l.quantity")}) AS tax
    FROM order_line l
    GROUP BY l.order_id) AS s ON s.order_id = o.id
  LEFT JOIN (SELECT order_id, SUM(refund_minor) AS refund, SUM(shipping_minor) AS shipping,
    SUM(shipping_tax_minor) AS shipping_tax FROM order_cancellation GROUP BY order_id
  ) AS c ON c.order_id = o.id
  LEFT JOIN (SELECT order_id, SUM(items_minor) AS items,
    SUM(tax_minor + shipping_tax_minor) AS tax, SUM(shipping_minor) AS shipping,
    SUM(fee_minor) AS fee, SUM(amount_minor - owed_minor) AS amount
    FROM refund WHERE cancellation_id IS NULL AND status IN {_BOOKED} GROUP BY order_id
  ) AS g ON g.order_id = o.id
  LEFT JOIN (SELECT order_id, SUM(amount_minor) AS paid FROM order_payment GROUP BY order_id
  ) AS p ON p.order_id = o.id)
"""


def _balance(names: str) -> str:
    return f"SUM(CASE WHEN l.account IN ({names}) THEN l.credit_minor - l.debit_minor ELSE 0 END)"


_JOURNAL = f"""
booked AS MATERIALIZED (
  SELECT e.reference, l.currency, {_balance("'sales', 'sales_returns'")} AS sales,
    {_balance("'tax_payable'")} AS tax, {_balance("'shipping_income'")} AS shipping,
    {_balance("'restocking_fees'")} AS fees,
    {_balance("'customer_deposits', 'receivables'")} AS customer
  FROM journal_line l JOIN journal_entry e ON e.id = l.entry_id
  WHERE l.account IN ('sales', 'sales_returns', 'tax_payable', 'shipping_income',
    'restocking_fees', 'customer_deposits', 'receivables') AND {_OF_SALES}
  GROUP BY e.reference, l.currency)
"""


def _shown(*values: str) -> str:
    names = ("sales", "tax", "shipping", "fees", "customer")
    pairs = zip(names, values, strict=True)
    return " || ', ' || ".join(f"'{name} ' || CAST({value} AS text)" for name, value in pairs)


_BALANCES = ("sales", "tax", "shipping", "fees", "customer")
_EXPECTED = (
    "f.sales",
    "f.tax",
    "f.shipping",
    "f.fees",
    "(f.kept - f.sales - f.tax - f.shipping - f.fees)",
)
_FOUND = tuple(f"COALESCE(b.{name}, 0)" for name in _BALANCES)
_DIFFERS = " OR ".join(f"{a} <> {b}" for a, b in zip(_EXPECTED, _FOUND, strict=True))

ACCOUNTS_FOLLOW_FACTS = f"""
WITH {_FACTS}, {_JOURNAL}
SELECT f.number AS place, {_shown(*_EXPECTED)} AS expected, {_shown(*_FOUND)} AS found
FROM facts f LEFT JOIN booked b ON b.reference = f.number AND b.currency = f.currency
WHERE {_DIFFERS}
"""

# An order is undone if each unit was cancelled or is in a refund, and settled if all its refunds
# succeeded. Only what policies keep may be left: deductions, fees, and shipping under NEVER.
# Money that was not refunded because it was charged back stays as a deposit beside that debt.
# Refunds of earlier versions are left out: they did not take debts into account.
NOTHING_IS_LEFT = f"""
WITH {_JOURNAL}, undone AS MATERIALIZED (
  SELECT o.id, o.number, o.currency, COALESCE(k.net, 0) AS net, COALESCE(k.tax, 0) AS tax,
    COALESCE((SELECT SUM(r.fee_minor) FROM refund r WHERE r.order_id = o.id), 0) AS fees,
    CASE WHEN EXISTS (SELECT 1 FROM policy y WHERE y.kind = 'REFUND'
      AND CAST(y.rules AS text) LIKE '%"NEVER"%') THEN 1 ELSE 0 END AS may_keep_shipping,
    o.shipping_minor, o.shipping_tax_minor, COALESCE((SELECT SUM(c.amount_minor)
      FROM payment_chargeback c JOIN order_payment p ON p.id = c.payment_id
      WHERE p.order_id = o.id), 0) AS charged_back
  FROM sales_order o
  JOIN (SELECT l.order_id FROM order_line l LEFT JOIN (
      SELECT u.order_line_id, SUM(u.quantity) AS units FROM refund_unit u
      JOIN refund r ON r.id = u.refund_id WHERE r.status = 'SUCCEEDED' GROUP BY u.order_line_id
    ) AS t ON t.order_line_id = l.id
    GROUP BY l.order_id HAVING SUM(l.quantity - l.cancelled - COALESCE(t.units, 0)) = 0
  ) AS whole ON whole.order_id = o.id
  LEFT JOIN (SELECT r.order_id, SUM(u.net_kept_minor) AS net, SUM(u.tax_kept_minor) AS tax
    FROM refund_unit u JOIN refund r ON r.id = u.refund_id GROUP BY r.order_id
  ) AS k ON k.order_id = o.id
  WHERE NOT EXISTS (SELECT 1 FROM refund r WHERE r.order_id = o.id
    AND (r.status <> 'SUCCEEDED' OR (r.unpaid_minor IS NULL AND r.kind <> 'CANCELLATION'))))
SELECT u.number AS place, {_shown("u.net", "u.tax", "u.shipping", "u.fees", "0")} AS expected,
  {_shown(*(f"b.{name}" for name in _BALANCES))} AS found
FROM (SELECT number, currency, net, fees, net + fees AS debt, charged_back,
    tax + may_keep_shipping * shipping_tax_minor AS tax,
    may_keep_shipping * shipping_minor AS shipping FROM undone) AS u
JOIN booked b ON b.reference = u.number AND b.currency = u.currency
WHERE b.sales NOT BETWEEN 0 AND u.net OR b.tax NOT BETWEEN 0 AND u.tax
  OR b.shipping NOT BETWEEN 0 AND u.shipping OR b.customer > u.charged_back
  OR -b.customer > u.debt + u.shipping + u.tax
"""
