"""Inputs, commands and payloads of the mutations on stock counts."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from schema.fields.arguments import given
from schema.fields.enums import AbcClass
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.stock import StockCount, StockCountLine
from workflows.counts.counted_items import CountedPlace, RecordCount
from workflows.counts.creation import CreateCount
from workflows.counts.decisions import ApproveLines, CancelCount, RecountLines

LIMIT_DEFAULT = 500


@strawberry.input
class StockCountCreateInput:
    """The levels of a location that meet all conditions."""

    location_code: str
    zone_code: str | None = UNSET
    """Only levels with units in a bin of this zone."""
    skus: list[str] | None = UNSET
    """Only levels of these SKUs; at most 500."""
    abc_class: AbcClass | None = UNSET
    """Only levels of this class."""
    not_counted_since: datetime | None = UNSET
    """Only levels whose last count was before this time, or that were never counted."""
    limit: int | None = LIMIT_DEFAULT
    """Number of levels, the longest uncounted ones first: 1 to 2,000."""
    blind: bool | None = UNSET
    """Absent: as the COUNT policy of the location says."""
    due_at: datetime | None = UNSET
    """Time until which the levels are to be counted; absent: none. The tasks have it, too."""

    def to_command(self) -> CreateCount:
        """The command."""
        skus = given(self.skus)
        return CreateCount(
            location_code=self.location_code,
            zone_code=given(self.zone_code),
            skus=None if skus is None else tuple(skus),
            abc_class=given(self.abc_class),
            not_counted_since=given(self.not_counted_since),
            limit=LIMIT_DEFAULT if self.limit is None else self.limit,
            blind=given(self.blind),
            due_at=given(self.due_at),
        )


@strawberry.input
class CountPlaceInput:
    """Units of a SKU that were counted in one place."""

    sku: str
    """SKU, or a code of the item."""
    quantity: int
    """Units; scans if a code of the item is sent. 0: the place was empty."""
    bin_code: str | None = UNSET
    """Absent: outside the bins."""

    def to_place(self) -> CountedPlace:
        """A part of the command."""
        return CountedPlace(self.sku, self.quantity, given(self.bin_code))


@strawberry.input
class StockCountRecordInput:
    """Counts of levels of a location."""

    location_code: str
    places: list[CountPlaceInput]
    """All places of each SKU; those that are left out held none. At most 500."""

    def to_command(self) -> RecordCount:
        """The command."""
        return RecordCount(self.location_code, tuple(place.to_place() for place in self.places))


def _lines(line_ids: list[ID]) -> list:  # type: ignore[type-arg]
    return [
        required_uuid("StockCountLine", each, "lineIds", str(index))
        for index, each in enumerate(line_ids)
    ]


def approve(line_ids: list[ID], note: str) -> ApproveLines:
    """The command. Raises NotFound."""
    return ApproveLines(tuple(_lines(line_ids)), note)


def recount(line_ids: list[ID], note: str) -> RecountLines:
    """The command. Raises NotFound."""
    return RecountLines(tuple(_lines(line_ids)), note)


def cancel(count_id: ID, note: str) -> CancelCount:
    """The command. Raises NotFound."""
    return CancelCount(required_uuid("StockCount", count_id, "id"), note)


@strawberry.type
class StockCountPayload(Payload):
    """A count that was opened or cancelled."""

    count: StockCount | None
    """Null if the mutation was refused."""
    replayed: bool
    user_errors: list[UserError]


@strawberry.type
class StockCountLinesPayload(Payload):
    """Lines of counts, in the order of the input."""

    lines: list[StockCountLine | None]
    """Null for a line that was refused."""
    replayed: bool
    user_errors: list[UserError]
