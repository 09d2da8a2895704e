"""Items that commands name by SKU or by a code, as a scanner reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import models.queries.catalog.item_codes as code_queries
from domain.errors import Invalid, NotFound
from domain.problems import Problems
from domain.stock.states import UNITS_MAX, check_quantity
from models.queries.catalog.item_codes import ScannedItem
from workflows.transactions.transaction import Transaction


class _Line(Protocol):
    """A frozen part of a command: scans of an item."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def sku(self) -> str: ...

    @property
    def quantity(self) -> int: ...


LineT = TypeVar("LineT", bound=_Line)


async def in_skus(tx: Transaction, lines: Sequence[LineT], *path: str) -> tuple[LineT, ...]:
    """The lines with SKUs instead of codes, and units instead of scans.

    A line that names no item, or has an impossible quantity, stays as it is. Raises Invalid for a
    barcode that several items share, and for too many units, with the line.
    """
    found = await code_queries.scanned(tx.session, [line.sku for line in lines])
    problems = Problems()
    named: list[LineT] = []
    for index, line in enumerate(lines):
        if line.sku not in found or not 1 <= line.quantity <= UNITS_MAX:
            named.append(line)
            continue
        with problems.under(*path, str(index)):
            scanned = scanned_item(found, line.sku, "sku")
            units = scanned_units(scanned, line.quantity)
            named.append(replace(line, sku=scanned.item.sku, quantity=units))
    problems.refuse()
    return tuple(named)


def scanned_item(found: Mapping[str, Sequence[ScannedItem]], code: str, *field: str) -> ScannedItem:
    """The item of a SKU or code. Raises NotFound, or Invalid for a barcode of several items."""
    items = found.get(code, ())
    if not items:
        raise NotFound("item", code, field=field)
    if len(items) > 1:
        skus = sorted(each.item.sku for each in items)
        raise Invalid(
            f"{code} is the barcode of several items: {', '.join(skus)}. Send the SKU.",
            field=field,
            details={"skus": skus},
        )
    return items[0]


def scanned_units(scanned: ScannedItem, scans: int) -> int:
    """The units of a number of scans. Raises Invalid (field `quantity`)."""
    units = scans * scanned.units
    check_quantity(units)
    return units
