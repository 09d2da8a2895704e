"""Refusal of steps with units that were not scanned, at locations where each unit must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.scans import UnitsNotScanned
from models.fulfillments import FulfillmentLineRow, FulfillmentRow
from models.queries.catalog.lookups import LocationFacts
from workflows.orders.locked_orders import LockedOrder


def refuse_unscanned(
    order: LockedOrder,
    row: FulfillmentRow,
    lines: Sequence[FulfillmentLineRow],
    location: LocationFacts,
    requested: FulfillmentStatus,
    field: tuple[str, ...],
    short: Mapping[UUID, int] | None = None,
) -> None:
    """Raise UnitsNotScanned if the location requires scans and units of the step have none.

    An OPEN fulfillment needs the scans of picking, a PICKED one those of packing. `short`: units by
    order line that were not found.
    """
    if not location.scan_required:
        return
    status = FulfillmentStatus(row["status"])
    missing: dict[str, int] = {}
    for each in lines:
        done = each["picked"] if status is FulfillmentStatus.OPEN else each["packed"]
        units = each["quantity"] - done - (short or {}).get(each["order_line_id"], 0)
        line = order.line(each["order_line_id"])
        assert line is not None
        if units:
            missing[line.sku] = missing.get(line.sku, 0) + units
    if missing:
        raise UnitsNotScanned(status, requested, missing, field=field)
