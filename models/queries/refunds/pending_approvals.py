"""Refunds that wait for an approval, the other refunds of their orders, and who took part."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from models.database.sessions import Session

_WAITING = "SELECT {} FROM refund p WHERE p.status = 'NEEDS_APPROVAL'"

_ORDERS = _WAITING.format("p.order_id")


class FamilyRow(TypedDict):
    """A refund of an order with one that waits."""

    id: UUID
    order_id: UUID
    family_id: UUID
    kind: str
    status: str
    amount_minor: int
    unpaid_minor: int | None
    currency: str
    requested_by: str


async def families(session: Session) -> list[FamilyRow]:
    """The refunds of all orders in which one waits for an approval."""
    return list(
        await session.rows(
            FamilyRow,
            "SELECT id, order_id, family_id, kind, status, amount_minor, unpaid_minor, currency,"
            f" requested_by FROM refund WHERE order_id = ANY(ARRAY({_ORDERS}))",
        )
    )


class _ApproverRow(TypedDict):
    family_id: UUID
    actor: str


async def approvers(session: Session) -> dict[UUID, set[str]]:
    """Actors that approved a refund of these orders, by its family."""
    found: dict[UUID, set[str]] = {}
    for row in await session.rows(
        _ApproverRow,
        "SELECT DISTINCT r.family_id, a.actor FROM refund r"
        " JOIN refund_approval a ON a.refund_id = r.id"
        f" WHERE a.decision = 'APPROVED' AND r.order_id = ANY(ARRAY({_ORDERS}))",
    ):
        found.setdefault(row["family_id"], set()).add(row["actor"])
    return found


class _PartRow(TypedDict):
    refund_id: UUID
    actor: str
    part: str


_PARTS = f"""
WITH waiting AS ({_WAITING.format("p.id, p.return_id")})
SELECT w.id AS refund_id, r.requested_by AS actor, 'requested' AS part
FROM waiting w JOIN customer_return r ON r.id = w.return_id
UNION SELECT w.id, r.authorized_by, 'authorized'
FROM waiting w JOIN customer_return r ON r.id = w.return_id WHERE r.authorized_by IS NOT NULL
UNION SELECT w.id, i.inspector, 'inspected'
FROM waiting w JOIN inspection i ON i.return_id = w.return_id
UNION SELECT w.id, a.actor, 'approved'
FROM waiting w JOIN refund_approval a ON a.refund_id = w.id
"""


async def involved(session: Session) -> dict[UUID, dict[str, set[str]]]:
    """Actors by part, for each refund that waits; the one that requested it is in its row."""
    found: dict[UUID, dict[str, set[str]]] = {}
    for row in await session.rows(_PartRow, _PARTS):
        parts = found.setdefault(row["refund_id"], {})
        parts.setdefault(row["part"], set()).add(row["actor"])
    return found
