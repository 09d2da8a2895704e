"""Reads of refunds, and of the refundable amounts of orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict
from uuid import UUID

import models.queries.listing.visibility as visibility
from domain.orders.orders import OrderStatus
from domain.refunds.balances import (
    LineUnits,
    PaymentBalance,
    left_by_part,
    refundable_of_order,
)
from domain.refunds.parts import NOTHING, Parts
from models.database.rows import Total
from models.database.sessions import Session
from models.queries.listing.paging import Listing, SortKey, by_key, grouped
from models.queries.listing.scopes import Scope
from models.queries.listing.selections import ShownColumns
from models.refunds import RefundApprovalRow, RefundAttemptRow, RefundRow

_ID = SortKey("r.id", "id", "uuid")
_PAID = "refund r LEFT JOIN order_payment p ON p.id = r.payment_id"
_SOURCE = f"{visibility.REFUND.table} LEFT JOIN order_payment p ON p.id = r.payment_id"


class ShownRefundRow(RefundRow):
    """A refund with the reference of its payment."""

    payment_reference: str | None


def visible(scope: Scope) -> Listing[ShownRefundRow]:
    """Refunds that the caller may see."""
    source = _PAID if scope.is_whole else _SOURCE  # a whole scope has no condition on orders
    listing = Listing(ShownRefundRow, "r.*, p.reference AS payment_reference", source, _ID)
    return visibility.REFUND.within(listing, scope)


async def refunds_by_id(
    session: Session, scope: Scope, ids: Sequence[UUID]
) -> Mapping[UUID, ShownRefundRow]:
    """Refunds by id, if the caller may see them."""
    listing = visible(scope).where("r.id = ANY({}::uuid[])", list(ids))
    return by_key(await listing.all(session, len(ids)), "id")


async def refunds_by_return(
    session: Session, scope: Scope, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[ShownRefundRow]]:
    """Refunds of each of these returns that the caller may see, oldest first."""
    return await visible(scope).owned(session, "return_id", ids, "created_at, id", columns)


async def refunds_by_order(
    session: Session, scope: Scope, ids: Sequence[UUID], columns: ShownColumns = None
) -> Mapping[UUID, list[ShownRefundRow]]:
    """Refunds of each of these orders that the caller may see, oldest first."""
    return await visible(scope).owned(session, "order_id", ids, "created_at, id", columns)


async def approvals_by_refund(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[RefundApprovalRow]]:
    """Decisions of actors on each of these refunds, in order."""
    rows = await session.rows(
        RefundApprovalRow,
        "SELECT refund_id, actor, decision, decided_at, note FROM refund_approval"
        " WHERE refund_id = ANY($1::uuid[]) ORDER BY refund_id, decided_at, id",
        list(ids),
    )
    return grouped(rows, "refund_id")


async def attempts_by_refund(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[RefundAttemptRow]]:
    """Payout attempts of each of these refunds, in order."""
    rows = await session.rows(
        RefundAttemptRow,
        "SELECT * FROM refund_attempt WHERE refund_id = ANY($1::uuid[])"
        " ORDER BY refund_id, attempt_no",
        list(ids),
    )
    return grouped(rows, "refund_id")


_ENTRIES = " UNION ALL ".join(
    f"SELECT r.id AS refund_id, e.id AS entry_id FROM refund r"
    f" JOIN journal_entry e ON e.{entry} = r.{column} WHERE r.id = ANY($1::uuid[])"
    for entry in ("id", "reverses_id")
    for column in ("decided_entry_id", "paid_entry_id")
)


class RefundEntryRow(TypedDict):
    """A journal entry of a refund."""

    refund_id: UUID
    entry_id: UUID


async def entries_by_refund(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[RefundEntryRow]]:
    """Ids of the journal entries of each of these refunds: postings, then reversals."""
    return grouped(await session.rows(RefundEntryRow, _ENTRIES, list(ids)), "refund_id")


@dataclass(frozen=True, slots=True)
class OrderMoney:
    """The refunded amount of an order, and the most that may be refunded now (minor units)."""

    refunded_minor: int
    refundable_minor: int


_ORDERS = """
SELECT o.id, o.status, o.shipping_minor + o.shipping_tax_minor AS shipping, o.deposit_minor,
  (SELECT COALESCE(SUM(r.amount_minor), 0) FROM refund r
   WHERE r.order_id = o.id AND r.status = 'SUCCEEDED') AS refunded,
  (SELECT COALESCE(SUM(c.refund_minor), 0) FROM order_cancellation c WHERE c.order_id = o.id
   AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.cancellation_id = c.id)) AS unopened,
  o.shipping_minor - (SELECT COALESCE(SUM(c.shipping_minor), 0) FROM order_cancellation c
   WHERE c.order_id = o.id) AS own_shipping,
  o.shipping_tax_minor - (SELECT COALESCE(SUM(c.shipping_tax_minor), 0) FROM order_cancellation c
   WHERE c.order_id = o.id) AS own_shipping_tax
FROM sales_order o WHERE o.id = ANY($1::uuid[])
"""
_GIVEN = """
SELECT order_id, SUM(CASE WHEN is_given THEN items_minor ELSE 0 END) AS items,
  SUM(CASE WHEN is_given THEN tax_minor ELSE 0 END) AS tax,
  SUM(CASE WHEN is_given THEN shipping_minor ELSE 0 END) AS shipping,
  SUM(CASE WHEN is_given THEN shipping_tax_minor ELSE 0 END) AS shipping_tax,
  SUM(CASE WHEN cancellation_id IS NOT NULL AND NOT counts THEN amount_minor ELSE 0 END)
    - SUM(CASE WHEN counts THEN owed_minor ELSE 0 END) AS unclaimed
FROM (
  SELECT r.*, r.status NOT IN ('REJECTED', 'REVERSED', 'CANCELLED') AS counts,
    r.cancellation_id IS NULL AND r.status NOT IN ('REJECTED', 'REVERSED', 'CANCELLED') AS is_given
  FROM refund r WHERE r.order_id = ANY($1::uuid[])) AS refunds
GROUP BY order_id
"""
_PAYMENTS = """
SELECT order_id, reference, amount_minor, drawn_minor, COALESCE((SELECT SUM(c.amount_minor)
  FROM payment_chargeback c WHERE c.payment_id = p.id), 0) AS charged_back
FROM order_payment p WHERE order_id = ANY($1::uuid[])
"""
_LINES = (
    "SELECT order_id, quantity, unit_price_minor, discount_minor, tax_minor, shipped, delivered,"
    " lost, cancelled FROM order_line WHERE order_id = ANY($1::uuid[])"
)


class _OrderTotalsRow(TypedDict):
    id: UUID
    status: str
    shipping: int
    deposit_minor: int
    refunded: Total
    unopened: Total
    own_shipping: Total
    own_shipping_tax: Total


class _GivenRow(TypedDict):
    order_id: UUID
    items: Total
    tax: Total
    shipping: Total
    shipping_tax: Total
    unclaimed: Total


class _DrawnPaymentRow(TypedDict):
    order_id: UUID
    reference: str
    amount_minor: int
    drawn_minor: int
    charged_back: Total


class _SoldLineRow(TypedDict):
    order_id: UUID
    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    shipped: int
    delivered: int
    lost: int
    cancelled: int


async def money_by_order(session: Session, ids: Sequence[UUID]) -> Mapping[UUID, OrderMoney]:
    """The refunded and the still refundable amount of each of these orders."""
    orders = await session.rows(_OrderTotalsRow, _ORDERS, list(ids))
    payments = grouped(await session.rows(_DrawnPaymentRow, _PAYMENTS, list(ids)), "order_id")
    lines = grouped(await session.rows(_SoldLineRow, _LINES, list(ids)), "order_id")
    given = by_key(await session.rows(_GivenRow, _GIVEN, list(ids)), "order_id")
    return {
        row["id"]: OrderMoney(
            int(row["refunded"]),
            _refundable(
                row,
                [_units(line) for line in lines.get(row["id"], ())],
                payments.get(row["id"], ()),
                given.get(row["id"]),
            ),
        )
        for row in orders
    }


def _refundable(
    row: _OrderTotalsRow,
    lines: Sequence[LineUnits],
    payments: Sequence[_DrawnPaymentRow],
    given: _GivenRow | None,
) -> int:
    taken, unclaimed = NOTHING, 0
    if given is not None:
        minors = (given["items"], given["tax"], given["shipping"], given["shipping_tax"])
        taken, unclaimed = Parts(*(int(each) for each in minors)), int(given["unclaimed"])
    shipping = Parts(0, 0, int(row["own_shipping"]), int(row["own_shipping_tax"]))
    return refundable_of_order(
        lines,
        row["shipping"],
        [
            PaymentBalance(
                each["reference"],
                each["amount_minor"],
                each["drawn_minor"],
                int(each["charged_back"]),
            )
            for each in payments
        ],
        # A cancellation's amount is refunded automatically once its refund is opened.
        kept_minor=row["deposit_minor"] + int(row["unopened"]),
        booked_minor=left_by_part(lines, shipping, taken).total_minor + unclaimed,
        is_over=row["status"] == OrderStatus.CANCELLED,
    )


def _units(line: _SoldLineRow) -> LineUnits:
    return LineUnits(
        net_minor=line["unit_price_minor"] * line["quantity"] - line["discount_minor"],
        tax_minor=line["tax_minor"],
        units=line["quantity"],
        left=line["shipped"] + line["delivered"] + line["lost"],
        cancelled=line["cancelled"],
    )


# The first refund of each amount has its units; the others only have a part of the amount.
_DECIDED = (
    "r.*, c.code AS channel, (SELECT SUM(f.amount_minor) FROM refund f"
    " WHERE f.family_id = r.family_id) AS family_minor"
)
_DECIDED_SOURCE = f"{_SOURCE} JOIN channel c ON c.id = o.channel_id"


class DecidedRefundRow(RefundRow):
    """A decided refund with the facts of its case, and the amount of its family."""

    channel: str
    family_minor: Total


async def decided_refunds(session: Session, scope: Scope, last: int) -> Sequence[DecidedRefundRow]:
    """The last refunds decided by policy that the caller may see, one per amount, with the facts
    of their cases.
    """
    listing = Listing(DecidedRefundRow, _DECIDED, _DECIDED_SOURCE, _ID)
    visibility.REFUND.within(listing, scope)
    listing.where("r.decided_at IS NOT NULL AND r.kind <> 'CANCELLATION'")
    listing.where(
        "(r.kind = 'GOODWILL' OR EXISTS (SELECT 1 FROM refund_unit u WHERE u.refund_id = r.id))"
    )
    return await listing.all(session, last)


class PricedUnitsRow(TypedDict):
    """Units in a refund with their gross share, and the net price, tax and units of their line."""

    refund_id: UUID
    quantity: int
    condition: str | None
    net_minor: int
    tax_minor: int
    line_net_minor: int
    line_tax_minor: int
    line_units: int


async def units_by_refund(
    session: Session, ids: Sequence[UUID]
) -> Mapping[UUID, list[PricedUnitsRow]]:
    """The units of each of these refunds, with their gross share of their lines."""
    rows = await session.rows(
        PricedUnitsRow,
        "SELECT u.refund_id, u.quantity, u.condition, u.net_minor, u.tax_minor,"
        " l.unit_price_minor * l.quantity - l.discount_minor AS line_net_minor,"
        " l.tax_minor AS line_tax_minor, l.quantity AS line_units"
        " FROM refund_unit u JOIN order_line l ON l.id = u.order_line_id"
        " WHERE u.refund_id = ANY($1::uuid[]) ORDER BY u.refund_id, u.id",
        list(ids),
    )
    return grouped(rows, "refund_id")
