"""Items that commands name by SKU or by a code, as a scanner reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import models.queries.catalog.item_codes as code_queries
from domain.errors import Invalid, NotFound
from domain.problems import Problems
from domain.stock.states import check_quantity
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


async def in_skus(
    tx: Transaction, lines: Sequence[LineT], problems: Problems, *path: str
) -> tuple[LineT, ...]:
    """The lines with SKUs instead of codes, and units instead of scans.

    Collects, with the line, a SKU that names no item, a barcode that several items share, and a
    number of units that is not allowed. Such a line stays as it is.
    """
    found = await code_queries.scanned(tx.session, [line.sku for line in lines])
    return tuple(
        _in_skus(line, found, problems, *path, str(index)) for index, line in enumerate(lines)
    )


def _in_skus(
    line: LineT, found: Mapping[str, Sequence[ScannedItem]], problems: Problems, *path: str
) -> LineT:
    with problems.under(*path):
        check_quantity(line.quantity)
    is_counted = not problems.has(*path, "quantity")
    sku, units = line.sku, line.quantity
    with problems.under(*path):
        scanned = scanned_item(found, line.sku, "sku")
        sku = scanned.item.sku
        if is_counted:
            units = scanned_units(scanned, line.quantity)
    return replace(line, sku=sku, quantity=units)


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
