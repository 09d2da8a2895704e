"""Refunds that are not paid and labels that are not bought while a measure asks for it.

Their workers look for due work in SQL, so the measures are conditions there: work that waits must
not use up the limit of a round.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypedDict
from uuid import UUID

from models.database.sessions import Session

_OF_CHANNEL: Final = (
    "(p.channels IS NULL OR EXISTS (SELECT 1 FROM playbook_place c WHERE c.run_id = p.id"
    " AND c.channel_id = {channel}))"
)
_AT_LOCATION: Final = (
    "(p.locations IS NULL OR EXISTS (SELECT 1 FROM playbook_place c WHERE c.run_id = p.id"
    " AND c.location_id = {location}))"
)


def _active(kind: str, now: str) -> str:
    return (
        "playbook_run p JOIN playbook_measure m ON m.run_id = p.id"
        f" WHERE p.status IN ('STARTING','ACTIVE') AND m.kind = '{kind}'"
        f" AND (p.ends_at IS NULL OR p.ends_at > {now})"
    )


def unheld_refund(refund: str, now: str) -> str:
    """The condition that no HOLD_REFUNDS concerns a refund under this alias.

    A refund concerns the items of its units; without units, those of its order.
    """
    channel = f"(SELECT o.channel_id FROM sales_order o WHERE o.id = {refund}.order_id)"
    units = (
        "SELECT 1 FROM refund_unit u JOIN order_line l ON l.id = u.order_line_id"
        " JOIN playbook_item i ON i.item_id = l.item_id"
        f" WHERE u.refund_id = {refund}.id AND i.run_id = p.id"
    )
    of_order = (
        "SELECT 1 FROM order_line l JOIN playbook_item i ON i.item_id = l.item_id"
        f" WHERE l.order_id = {refund}.order_id AND i.run_id = p.id AND NOT EXISTS"
        f" (SELECT 1 FROM refund_unit u WHERE u.refund_id = {refund}.id)"
    )
    return (
        f"NOT EXISTS (SELECT 1 FROM {_active('HOLD_REFUNDS', now)}"
        f" AND {_OF_CHANNEL.format(channel=channel)}"
        f" AND (p.skus IS NULL OR EXISTS ({units}) OR EXISTS ({of_order})))"
    )


async def is_refund_held(session: Session, refund_id: UUID, now: datetime) -> bool:
    """True if a measure holds a refund that is not on its way to the customer."""
    found = await session.value(
        int,
        f"SELECT 1 AS found FROM refund r WHERE r.id = $1 AND {unheld_refund('r', '$2')}",
        refund_id,
        now,
    )
    return found is None


def _manual(channel: str, location: str, carrier: str, now: str) -> str:
    return (
        f"{_active('MANUAL_LABELS', now)} AND {_OF_CHANNEL.format(channel=channel)}"
        f" AND {_AT_LOCATION.format(location=location)}"
        f" AND (p.carriers IS NULL OR EXISTS (SELECT 1 FROM playbook_carrier k"
        f" WHERE k.run_id = p.id AND k.carrier_key = {carrier}))"
    )


def unstopped_label(label: str, now: str) -> str:
    """The condition that no MANUAL_LABELS concerns a label under this alias."""
    return "NOT EXISTS (SELECT 1 FROM {})".format(
        _manual(f"{label}.channel_id", f"{label}.location_id", f"{label}.carrier_key", now)
    )


class StoppingRunRow(TypedDict):
    """A run whose measure forbids to buy a label."""

    playbook: str
    policy_version: int


async def run_without_labels(
    session: Session, channel_id: int | None, location_id: int, carrier_key: str, now: datetime
) -> StoppingRunRow | None:
    """The oldest run by which no label of a carrier is bought; None: it may be bought.

    `channel_id` None: the label of a transfer, which no run for single channels concerns.
    """
    source = _manual("$1", "$2", "$3", "$4")
    return await session.row(
        StoppingRunRow,
        f"SELECT p.playbook, p.policy_version FROM {source} ORDER BY p.started_at, p.id LIMIT 1",
        channel_id,
        location_id,
        carrier_key,
        now,
    )
