"""Inputs, commands and payload of the mutations on transfers."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from schema.fields.arguments import given
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.stock import Transfer
from workflows.transfers.commands import (
    CancelTransfer,
    CreateTransfer,
    ReceiveTransfer,
    ShipTransfer,
    TransferArrival,
    TransferUnitsOf,
    WriteOffTransfer,
)


@strawberry.input
class TransferUnitsInput:
    """Units of an item in a transfer."""

    sku: str
    """SKU, or a code of the item; then `quantity` counts scans."""
    quantity: int

    def to_units(self) -> TransferUnitsOf:
        """A part of the command."""
        return TransferUnitsOf(self.sku, self.quantity)


def _units(lines: list[TransferUnitsInput] | None) -> tuple[TransferUnitsOf, ...]:
    return tuple(each.to_units() for each in given(lines) or ())


@strawberry.input
class TransferCreateInput:
    """Units that a location sends to another."""

    origin_code: str
    """Code of the location that sends the units."""
    destination_code: str
    """Code of the location that gets the units."""
    reference: str | None = UNSET
    """Reference in another system, unique at the origin."""
    expected_by: datetime | None = UNSET
    """Time at which the units are expected; absent: P3D after the shipment."""
    lines: list[TransferUnitsInput]
    """At most 500, each SKU once."""

    def to_command(self) -> CreateTransfer:
        """The command."""
        return CreateTransfer(
            origin_code=self.origin_code,
            destination_code=self.destination_code,
            lines=_units(self.lines),
            reference=given(self.reference),
            expected_by=given(self.expected_by),
        )


@strawberry.input
class TransferShipInput:
    """A transfer that leaves its origin."""

    transfer_id: ID
    """Id of the transfer."""
    carrier: str | None = UNSET
    """Absent: that of the bought label, if there is one."""
    tracking_number: str | None = UNSET
    """Absent: that of the bought label, if there is one."""
    shortages: list[TransferUnitsInput] | None = UNSET
    """Units that were not found; absent: none."""

    def to_command(self) -> ShipTransfer:
        """The command. Raises NotFound."""
        return ShipTransfer(
            transfer_id=required_uuid("Transfer", self.transfer_id, "input", "transferId"),
            carrier=given(self.carrier),
            tracking_number=given(self.tracking_number),
            shortages=_units(self.shortages),
        )


@strawberry.input
class TransferArrivalInput:
    """Units of an item that arrived."""

    sku: str
    """SKU, or a code of the item; then `quantity` and `damaged` count scans."""
    quantity: int
    """Units in good condition."""
    damaged: int | None = 0
    """Damaged units, in addition to `quantity`."""
    bin_code: str | None = UNSET
    """Bin that the good units are put into; absent: they wait to be put away."""

    def to_units(self) -> TransferArrival:
        """A part of the command."""
        return TransferArrival(self.sku, self.quantity, self.damaged or 0, given(self.bin_code))


@strawberry.input
class TransferReceiveInput:
    """Units of a transfer that arrived."""

    transfer_id: ID
    """Id of the transfer."""
    location_code: str
    """Code of its destination; of its origin if the units came back."""
    lines: list[TransferArrivalInput]
    complete: bool | None = False
    """True: nothing more is coming."""

    def to_command(self) -> ReceiveTransfer:
        """The command. Raises NotFound."""
        return ReceiveTransfer(
            transfer_id=required_uuid("Transfer", self.transfer_id, "input", "transferId"),
            location_code=self.location_code,
            lines=tuple(each.to_units() for each in self.lines),
            is_complete=bool(self.complete),
        )


def cancel(transfer_id: ID) -> CancelTransfer:
    """The command. Raises NotFound."""
    return CancelTransfer(required_uuid("Transfer", transfer_id, "id"))


def write_off(
    transfer_id: ID, lines: list[TransferUnitsInput], reason_code: str, note: str
) -> WriteOffTransfer:
    """The command. Raises NotFound."""
    found = required_uuid("Transfer", transfer_id, "id")
    return WriteOffTransfer(found, _units(lines), reason_code, note)


@strawberry.type
class TransferPayload(Payload):
    """A transfer that was made or changed."""

    transfer: Transfer | None
    """Null if the mutation was refused. If the reference is used already, the transfer that has it.
    """
    replayed: bool
    user_errors: list[UserError]
