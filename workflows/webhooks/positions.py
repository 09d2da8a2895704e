"""The position of a webhook: every event up to it is settled."""

from __future__ import annotations

import models.queries.webhooks.deliveries as delivery_queries
import models.queries.webhooks.endpoints as endpoint_queries
from domain.integrations.states import Ordering
from domain.webhooks.delivery_queue import settled_position
from domain.webhooks.retries import stops_at_end
from models.queries.webhooks.endpoints import LockedEndpointRow
from workflows.transactions.transaction import Transaction


async def advance(tx: Transaction, row: LockedEndpointRow) -> None:
    """Move the position of a locked webhook as far as its messages are settled."""
    is_strict = stops_at_end(Ordering(row["ordering"]))
    first = await delivery_queries.first_open(
        tx.session, row["id"], row["position"], with_stopped=is_strict
    )
    horizon = row["fed_position"]
    if is_strict and row["replay_after"] is not None:
        horizon = min(horizon, row["replay_after"])
    position = settled_position(row["position"], horizon=horizon, first_open=first)
    if position != row["position"]:
        await endpoint_queries.move_position(tx.session, row["id"], position)
