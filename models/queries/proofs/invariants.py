"""Invariants of the database, independent of the code: one SQL statement per proof.

The SQL is not shared with the code that it proves, and runs on both engines. Each statement returns
only differences, as rows of (place, expected, found). It walks its tables along an index, so that
millions of rows are proven in little memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import models.queries.proofs.audit_chain as chain_proofs
import models.queries.proofs.bins as bin_proofs
import models.queries.proofs.causes as cause_proofs
import models.queries.proofs.change_times as change_time_proofs
import models.queries.proofs.connected.webhooks as webhook_proofs
import models.queries.proofs.counts as count_proofs
import models.queries.proofs.labels as label_proofs
import models.queries.proofs.order_locations as order_location_proofs
import models.queries.proofs.order_money as order_proofs
import models.queries.proofs.parcels as parcel_proofs
import models.queries.proofs.playbooks as playbook_proofs
import models.queries.proofs.refunds as refund_proofs
import models.queries.proofs.reservations as reservation_proofs
import models.queries.proofs.returns as return_proofs
import models.queries.proofs.tasks as task_proofs
import models.queries.proofs.transfers as transfer_proofs
import models.queries.rollout.proofs as rollout_proofs
from models.database.sessions import Session
from models.queries.proofs.proof import Proof

# Differences listed per proof; beyond this only their number is reported.
DIFFERENCES_MAX = 1_000


_STATES = (
    "available",
    "held",
    "allocated",
    "quality_control",
    "quarantine",
    "refurbishing",
    "damaged",
)
_INVENTORY = "available + held + allocated"
_QUALITY = "quality_control + quarantine + refurbishing + damaged"


def _as_text(value: str) -> str:
    return f"CAST({value} AS text)"


def _level(item: str, location: str) -> str:
    """Subquery for the name of a level: sku @ location; ids where there is no such row."""
    sku = f"(SELECT i.sku FROM item i WHERE i.id = {item})"
    code = f"(SELECT p.code FROM location p WHERE p.id = {location})"
    return (
        f"coalesce({sku}, 'item ' || {_as_text(item)}) || ' @ ' ||"
        f" coalesce({code}, 'location ' || {_as_text(location)})"
    )


def _moved(state: str) -> str:
    name = f"'{state.upper()}'"
    return (
        f"SUM(CASE WHEN to_state = {name} THEN quantity ELSE 0 END"
        f" - CASE WHEN from_state = {name} THEN quantity ELSE 0 END) AS {state}_moved,"
        f" 0 AS {state}_found"
    )


def _columns_of_movements() -> str:
    """Each column of a level equals movements in minus movements out."""
    moved = ", ".join(_moved(state) for state in _STATES)
    found = ", ".join(f"0 AS {state}_moved, {state} AS {state}_found" for state in _STATES)
    sums = ", ".join(
        f"SUM({state}_moved) AS {state}_moved, SUM({state}_found) AS {state}_found"
        for state in _STATES
    )
    differences = " UNION ALL ".join(
        f"SELECT {_level('item_id', 'location_id')} || ' {state}' AS place,"
        f" {_as_text(f'{state}_moved')} AS expected, {_as_text(f'{state}_found')} AS found"
        f" FROM both_sides WHERE {state}_moved <> {state}_found"
        for state in _STATES
    )
    return f"""
WITH both_sides AS MATERIALIZED (
  SELECT item_id, location_id, {sums} FROM (
    SELECT item_id, location_id, {moved} FROM stock_movement GROUP BY item_id, location_id
    UNION ALL SELECT item_id, location_id, {found} FROM stock_level) AS sides
  GROUP BY item_id, location_id)
{differences}
"""


def _claimed(column: str, lines: str) -> str:
    """A column of a level equals the sum of the lines that claim its units."""
    return f"""
SELECT {_level("item_id", "location_id")} || ' {column}' AS place,
  {_as_text("SUM(claimed)")} AS expected, {_as_text("SUM(found)")} AS found
FROM (
  SELECT item_id, location_id, quantity AS claimed, 0 AS found FROM ({lines}) AS claims
  UNION ALL SELECT item_id, location_id, 0, {column} FROM stock_level WHERE {column} <> 0) AS sides
GROUP BY item_id, location_id HAVING SUM(claimed) <> SUM(found)
"""


_HELD_LINES = """
SELECT l.item_id, l.location_id, l.quantity FROM reservation r
JOIN reservation_line l ON l.reservation_id = r.id WHERE r.status = 'HELD'
"""
_ALLOCATED_LINES = """
SELECT l.item_id, f.location_id, l.quantity FROM fulfillment f
JOIN fulfillment_line l ON l.fulfillment_id = f.id
WHERE f.status IN ('ON_HOLD', 'OPEN', 'PICKED', 'PACKED')
UNION ALL SELECT l.item_id, t.origin_id, l.requested FROM transfer t
JOIN transfer_line l ON l.transfer_id = t.id WHERE t.status = 'REQUESTED'
"""

_ORDER_LINE_PLACE = (
    "(SELECT o.number FROM sales_order o WHERE o.id = order_id) || ' line ' ||"
    " CAST(line_no AS text)"
)
# The state of an order line's units by the status of the fulfillment that they are in.
_STATUSES_OF = {
    "allocated": "'ON_HOLD', 'OPEN'",
    "picked": "'PICKED'",
    "packed": "'PACKED'",
    "shipped": "'SHIPPED'",
    "delivered": "'DELIVERED'",
    "lost": "'LOST'",
}


def _line_states_of_fulfillments() -> str:
    """Units of an order line by state equal the units in its fulfillments by status."""
    sent = ", ".join(
        f"l.{state}, COALESCE(SUM(CASE WHEN f.status IN ({statuses}) THEN p.quantity END), 0)"
        f" AS {state}_sent"
        for state, statuses in _STATUSES_OF.items()
    )
    group = ", ".join(f"l.{state}" for state in _STATUSES_OF)
    wrong = " OR ".join(f"{state} <> {state}_sent" for state in _STATUSES_OF)

    def shown(suffix: str) -> str:
        return " || ', ' || ".join(
            f"'{state} ' || {_as_text(f'{state}{suffix}')}" for state in _STATUSES_OF
        )

    return f"""
SELECT {_ORDER_LINE_PLACE} AS place, {shown("_sent")} AS expected, {shown("")} AS found
FROM (
  SELECT l.id, l.order_id, l.line_no, {sent} FROM order_line l
  LEFT JOIN fulfillment_line p ON p.order_line_id = l.id
  LEFT JOIN fulfillment f ON f.id = p.fulfillment_id
  GROUP BY l.id, l.order_id, l.line_no, {group}) AS lines
WHERE {wrong}
"""


_LINE_SUM = f"""
SELECT {_ORDER_LINE_PLACE} AS place, {_as_text("quantity")} AS expected,
  {_as_text("states")} AS found
FROM (SELECT order_id, line_no, quantity, backordered + allocated + picked + packed + shipped
  + delivered + lost + cancelled AS states FROM order_line) AS lines
WHERE quantity <> states
"""

_FOREIGN_PARCELS = f"""
SELECT {_ORDER_LINE_PLACE} AS place, 'a fulfillment of this order and item' AS expected,
  {_as_text("fulfillment_id")} AS found
FROM (
  SELECT l.order_id, l.line_no, p.fulfillment_id FROM fulfillment_line p
  JOIN order_line l ON l.id = p.order_line_id JOIN fulfillment f ON f.id = p.fulfillment_id
  WHERE f.order_id <> l.order_id OR p.item_id <> l.item_id) AS foreign_lines
"""

_ORDER_STATUS = """
SELECT number AS place, expected, status AS found FROM (
  SELECT o.number, o.status, CASE
    WHEN u.live = 0 THEN 'CANCELLED'
    WHEN u.ended = u.live THEN 'DELIVERED'
    WHEN u.gone = u.live THEN 'SHIPPED'
    WHEN u.gone > 0 THEN 'PARTIALLY_SHIPPED'
    WHEN u.waiting = u.live THEN 'BACKORDERED'
    WHEN u.waiting = 0 THEN 'ALLOCATED'
    ELSE 'OPEN' END AS expected
  FROM sales_order o JOIN (
    SELECT order_id, SUM(quantity - cancelled) AS live, SUM(delivered + lost) AS ended,
      SUM(shipped + delivered + lost) AS gone, SUM(backordered) AS waiting
    FROM order_line GROUP BY order_id) AS u ON u.order_id = o.id) AS orders
WHERE expected <> status
"""


def _cost_units(column: str, units: str) -> str:
    """Units of an item's cost pool equal the units of its levels in the pool's states."""
    return f"""
SELECT (SELECT i.sku FROM item i WHERE i.id = item_id) || ' {column}' AS place,
  {_as_text("SUM(units)")} AS expected, {_as_text("SUM(found)")} AS found
FROM (
  SELECT item_id, {units} AS units, 0 AS found FROM stock_level
  UNION ALL SELECT item_id, 0, {column} FROM item_cost) AS sides
GROUP BY item_id HAVING SUM(units) <> SUM(found)
"""


def _account(account: str, values: str) -> str:
    """The balance of an account, per currency, equals the sum of the values that it represents."""
    return f"""
SELECT '{account} ' || currency AS place, {_as_text("SUM(value_minor)")} AS expected,
  {_as_text("SUM(balance)")} AS found
FROM (
  SELECT currency, 0 AS value_minor, SUM(debit_minor) - SUM(credit_minor) AS balance
  FROM journal_line WHERE account = '{account}' GROUP BY currency
  UNION ALL {values}) AS sides
GROUP BY currency HAVING SUM(value_minor) <> SUM(balance)
"""


def _pool_values(column: str) -> str:
    return f"SELECT currency, SUM({column}), 0 FROM item_cost GROUP BY currency"


_ORDER_DEPOSITS = "SELECT currency, -SUM(deposit_minor), 0 FROM sales_order GROUP BY currency"

_ENTRY_BALANCE = f"""
SELECT 'entry ' || {_as_text("entry_id")} || ' ' || currency AS place,
  'debits of ' || {_as_text("debits")} AS expected, 'credits of ' || {_as_text("credits")} AS found
FROM (
  SELECT l.entry_id, l.currency, SUM(l.debit_minor) AS debits, SUM(l.credit_minor) AS credits
  FROM journal_line l WHERE l.entry_id IN (
    SELECT e.id FROM journal_entry e WHERE EXISTS (
      SELECT 1 FROM journal_line x WHERE x.entry_id = e.id GROUP BY x.currency
      HAVING SUM(x.debit_minor) <> SUM(x.credit_minor)))
  GROUP BY l.entry_id, l.currency) AS sums
WHERE debits <> credits
"""

_ENTRY_LINES = f"""
SELECT 'entry ' || {_as_text("e.id")} AS place, 'lines' AS expected, 'none' AS found
FROM journal_entry e WHERE NOT EXISTS (SELECT 1 FROM journal_line l WHERE l.entry_id = e.id)
"""

_PLACED_OR_PENDING = f"""
SELECT 'event ' || {_as_text("e.id")} AS place, 'a position, or pending' AS expected,
  CASE WHEN p.position IS NULL THEN 'neither' ELSE 'both' END AS found
FROM event e LEFT JOIN event_position p ON p.event_id = e.id
LEFT JOIN event_pending w ON w.event_id = e.id
WHERE (p.position IS NULL) = (w.event_id IS NULL)
"""

_DENSE = f"""
SELECT 'position ' || {_as_text("position + 1")} AS place, 'an event' AS expected, 'a gap' AS found
FROM (SELECT 0 AS position UNION ALL SELECT position FROM archived_event
  UNION ALL SELECT position FROM event_position) AS p
WHERE p.position < (SELECT MAX(m.position) FROM event_position m)
  AND NOT EXISTS (SELECT 1 FROM event_position n WHERE n.position = p.position + 1)
  AND NOT EXISTS (SELECT 1 FROM archived_event a WHERE a.position = p.position + 1)
"""

_COUNTER = f"""
SELECT 'sequencer' AS place, {_as_text("last")} AS expected, {_as_text("counter")} AS found
FROM (SELECT counter, (SELECT COALESCE(MAX(position), 0) FROM event_position) AS last
  FROM lease WHERE name = 'sequencer') AS leases
WHERE counter <> last
"""

# A subject's version is assigned under its lock: a later version cannot have an earlier position.
_IN_ORDER = f"""
SELECT 'event ' || {_as_text("id")} AS place, {_as_text("position")} AS found,
  'a position behind ' || {_as_text("before")} AS expected
FROM (
  SELECT e.id, p.position, e.subject_version AS version,
    LAG(p.position) OVER subject AS before, LAG(e.subject_version) OVER subject AS version_before
  FROM event e JOIN event_position p ON p.event_id = e.id
  WINDOW subject AS (PARTITION BY e.subject_type, e.subject_key ORDER BY e.id)) AS events
WHERE position < before AND version > version_before
"""

_SETTLED = """
SELECT actor || ' ' || key AS place, 'an outcome' AS expected, 'none' AS found
FROM idempotency_key WHERE outcome IS NULL
"""

_OPEN_ONCE = f"""
SELECT kind || ' ' || subject_key AS place, '1 open' AS expected, {_as_text("COUNT(*)")} AS found
FROM operational_exception WHERE status NOT IN ('RESOLVED', 'AUTO_RESOLVED')
GROUP BY kind, subject_key HAVING COUNT(*) > 1
"""

PROOFS: Sequence[Proof] = (
    Proof("stock = movements in − out", _columns_of_movements()),
    Proof("held = lines of unreleased holds", _claimed("held", _HELD_LINES)),
    reservation_proofs.LINES_ARE_HELD,
    Proof(
        "allocated = open fulfillments and requested transfers",
        _claimed("allocated", _ALLOCATED_LINES),
    ),
    *bin_proofs.PROOFS,
    *count_proofs.PROOFS,
    Proof("order line states add up", _LINE_SUM),
    Proof("order line states = fulfillments", _line_states_of_fulfillments()),
    Proof("fulfillments hold their own order's lines", _FOREIGN_PARCELS),
    Proof("order status follows from its lines", _ORDER_STATUS),
    Proof("order total = its lines and shipping", order_proofs.ORDER_TOTAL),
    Proof("payments are within the order", order_proofs.PAYMENTS),
    Proof("payments are in the order's currency", order_proofs.PAYMENT_CURRENCY),
    Proof("deposits = journal of the order", order_proofs.DEPOSITS),
    Proof("receivables = journal of the order", order_proofs.RECEIVABLES),
    Proof("order accounts follow from its facts", order_proofs.ACCOUNTS_FOLLOW_FACTS),
    Proof("an undone order leaves nothing", order_proofs.NOTHING_IS_LEFT),
    Proof("deposits = account", _account("customer_deposits", _ORDER_DEPOSITS)),
    Proof("committed holds have an order", order_proofs.HOLD_ORDERS),
    Proof("item cost = units in inventory", _cost_units("quantity", _INVENTORY)),
    Proof("item cost = units in quality control", _cost_units("quality_quantity", _QUALITY)),
    Proof("inventory = item values", _account("inventory", _pool_values("value_minor"))),
    Proof(
        "inventory in quality control = item values",
        _account("inventory_in_quality_control", _pool_values("quality_value_minor")),
    ),
    Proof(
        "inventory in transit = values of transfers",
        _account("inventory_in_transit", transfer_proofs.VALUES),
    ),
    *transfer_proofs.PROOFS,
    Proof("journal entries balance", _ENTRY_BALANCE),
    Proof("journal entries have lines", _ENTRY_LINES),
    Proof("events have a position or are pending", _PLACED_OR_PENDING),
    Proof("positions have no gaps", _DENSE),
    Proof("the sequencer stands at the last position", _COUNTER),
    Proof("positions follow the versions of a subject", _IN_ORDER),
    *chain_proofs.PROOFS,
    Proof("idempotency keys are settled", _SETTLED),
    Proof("one open exception per kind and subject", _OPEN_ONCE),
    *parcel_proofs.PROOFS,
    *playbook_proofs.PROOFS,
    *(Proof(name, sql) for name, sql in rollout_proofs.ALL),
    *label_proofs.PROOFS,
    *webhook_proofs.PROOFS,
    *cause_proofs.PROOFS,
    *change_time_proofs.PROOFS,
    *order_location_proofs.PROOFS,
    Proof("open tasks = open steps", task_proofs.STEPS_HAVE_TASKS),
    *(Proof(name, sql) for name, sql in return_proofs.ALL),
    Proof("refunds are within their payment", refund_proofs.PAYMENTS_BEAR_REFUNDS),
    Proof("drawn on payments = refunds", refund_proofs.DRAWN_IS_REFUNDS),
    Proof("refund liability = open refunds", refund_proofs.LIABILITY_IS_OPEN_REFUNDS),
    Proof("one unsettled attempt per refund", refund_proofs.ONE_UNSETTLED_ATTEMPT),
    Proof("one successful attempt per refund", refund_proofs.ONE_PAID_ATTEMPT),
    Proof("refund status follows its last attempt", refund_proofs.STATUS_FOLLOWS_ATTEMPT),
    Proof("paid refunds have a successful attempt", refund_proofs.PAID_WITH_ATTEMPT),
    *refund_proofs.PAYOUT_PROOFS,
    Proof("refunds go on with enough approvals", refund_proofs.ENOUGH_APPROVALS),
    Proof("refunded units are within their line", refund_proofs.LINES_BEAR_REFUNDS),
    Proof("refund amount = its parts", refund_proofs.AMOUNT_IS_PARTS),
    Proof("every inspected unit is in a refund", refund_proofs.UNITS_HAVE_REFUNDS),
)


async def begin(session: Session) -> None:
    """Prepare this snapshot for proofs, which take as long as the data requires.

    Lifts the statement time-out and lets PostgreSQL compile the statements.
    """
    if session.engine == "postgres":
        await session.execute("SET LOCAL statement_timeout = 0; SET LOCAL jit = on")


class DifferenceRow(TypedDict):
    """A place where a proof fails."""

    place: str
    expected: str
    found: str


async def differences(session: Session, proof: Proof) -> Sequence[DifferenceRow]:
    """Violations of a proof: (place, expected, found), at most DIFFERENCES_MAX and one more."""
    sql = f"SELECT * FROM ({proof.sql}) AS d LIMIT {DIFFERENCES_MAX + 1}"
    return await session.rows(DifferenceRow, sql)


async def count(session: Session, table: str) -> int:
    """The number of rows in a table."""
    return await session.value(int, f"SELECT COUNT(*) FROM {table}") or 0
