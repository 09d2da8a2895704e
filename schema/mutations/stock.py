"""Inputs and payload of the mutations on stock."""

import strawberry
from strawberry import UNSET

from schema.fields.arguments import given
from schema.fields.enums import StockState
from schema.fields.errors import Payload, UserError
from schema.fields.money import MoneyInput
from schema.types.stock import StockLevel, StockMovement
from workflows.stock.adjustments import AdjustStock, MoveStock
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock, SetSafetyStock
from workflows.stock.putaways import PutAway, PutAwayLine


@strawberry.input
class StockReceiptLineInput:
    """Units of an item that arrived."""

    sku: str
    """SKU, or a code of the item as a scanner reads it."""
    quantity: int
    """Units; with a code: scans. A scan of a box of six is six units."""
    unit_cost: MoneyInput | None = UNSET
    """Cost of one unit in the base currency; absent: the cost of the item. If the item has none,
    the line is INVALID.
    """
    bin_code: str | None = UNSET
    """Bin that the units are put into; absent: they wait to be put away."""

    def to_line(self, *field: str) -> ReceiptLine:
        """A line of the command."""
        cost = given(self.unit_cost)
        money = None if cost is None else cost.to_money(*field, "unitCost")
        return ReceiptLine(self.sku, self.quantity, money, given(self.bin_code))


@strawberry.input
class StockReceiptInput:
    """A delivery that arrived at a location."""

    location_code: str
    reference: str
    """Number of the delivery document. Its movements and journal entries are found by it."""
    lines: list[StockReceiptLineInput]

    def to_command(self) -> ReceiveStock:
        """The command."""
        lines = tuple(
            line.to_line("input", "lines", str(index)) for index, line in enumerate(self.lines)
        )
        return ReceiveStock(self.location_code, self.reference, lines)


@strawberry.input
class PutAwayLineInput:
    """Units of an item that are put into a bin."""

    sku: str
    """SKU, or a code of the item as a scanner reads it."""
    quantity: int
    """Units; with a code: scans."""
    bin_code: str
    """Bin that the units are put into."""
    from_bin_code: str | None = UNSET
    """Bin that the units come from; absent: they are in no bin."""

    def to_line(self) -> PutAwayLine:
        """A line of the command."""
        return PutAwayLine(self.sku, self.quantity, self.bin_code, given(self.from_bin_code))


@strawberry.input
class PutAwayInput:
    """Units of a location that are put into its bins."""

    location_code: str
    lines: list[PutAwayLineInput]
    """At most 200. All are performed or none."""

    def to_command(self) -> PutAway:
        """The command."""
        return PutAway(self.location_code, tuple(line.to_line() for line in self.lines))


@strawberry.input
class StockAdjustInput:
    """A correction of one state of a stock level."""

    location_code: str
    sku: str
    delta: int
    """Units to add; negative: units to remove."""
    reason_code: str
    """An active reason of kind ADJUSTMENT."""
    state: StockState | None = StockState.AVAILABLE
    """Any state except HELD and ALLOCATED."""
    change_from_quantity: int | None = UNSET
    """Compare and set: refused with STALE_QUANTITY unless the state has this many units."""
    note: str | None = UNSET
    """Free text; at most 2,000 characters."""

    def to_command(self) -> AdjustStock:
        """The command; a null state is the default one."""
        return AdjustStock(
            location_code=self.location_code,
            sku=self.sku,
            delta=self.delta,
            reason_code=self.reason_code,
            state=self.state or StockState.AVAILABLE,
            change_from_quantity=given(self.change_from_quantity),
            note=given(self.note),
        )


@strawberry.input
class StockMoveInput:
    """Units that change their state at a location."""

    location_code: str
    sku: str
    from_state: StockState
    """Any state except HELD and ALLOCATED."""
    to_state: StockState
    """Any state except HELD and ALLOCATED."""
    quantity: int
    reason_code: str
    """An active reason of kind ADJUSTMENT."""
    note: str | None = UNSET
    """Free text; at most 2,000 characters."""

    def to_command(self) -> MoveStock:
        """The command."""
        return MoveStock(
            location_code=self.location_code,
            sku=self.sku,
            from_state=self.from_state,
            to_state=self.to_state,
            quantity=self.quantity,
            reason_code=self.reason_code,
            note=given(self.note),
        )


@strawberry.input
class SafetyStockInput:
    """Safety stock of a SKU at a location: units of `available` that are never promised."""

    location_code: str
    sku: str
    quantity: int

    def to_command(self) -> SetSafetyStock:
        """The command."""
        return SetSafetyStock(self.location_code, self.sku, self.quantity)


@strawberry.type
class StockPayload(Payload):
    """The changed levels, and the movements that changed them."""

    levels: list[StockLevel]
    movements: list[StockMovement]
    replayed: bool
    user_errors: list[UserError]
