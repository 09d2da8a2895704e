"""Codes with their comparison keys, read to prove that the keys follow the codes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypedDict, cast

from tortoise.models import Model

from models.access import ApiKey
from models.carriers import CarrierEvent, ShippingLabel
from models.catalog import Channel, Item, Location, ReasonCode, Supplier
from models.database.keys import KeyField
from models.database.sessions import Session
from models.fulfillments import Fulfillment
from models.integrations import Integration
from models.orders import Order, OrderPayment
from models.policies import PlaybookCarrier
from models.reservations import Reservation
from models.returns import Return, UnidentifiedParcel
from models.transfers import Transfer

KEYED: tuple[type[Model], ...] = (
    *(ApiKey, Channel, Item, Location, ReasonCode, Supplier),
    *(Fulfillment, Order, OrderPayment, Reservation),
    *(Return, UnidentifiedParcel, CarrierEvent, ShippingLabel, Transfer),
    *(Integration, PlaybookCarrier),
)
# Events that were recorded several times before codes had keys: only the first has both keys.
_REPEATED = """
 WHERE tracking_number_key IS NOT NULL OR NOT EXISTS (SELECT 1 FROM carrier_event f
   WHERE f.id < carrier_event.id AND f.carrier_key = carrier_event.carrier_key
     AND f.event_reference = carrier_event.event_reference)"""


class CodeKeyRow(TypedDict):
    """A code and its key."""

    code: str | None
    key: str | None


def columns() -> Sequence[tuple[str, str, str]]:
    """(table, code, key) of every comparison key."""
    return [
        (model._meta.db_table, field.of, name)
        for model in KEYED
        for name, field in model._meta.fields_map.items()
        if isinstance(field, KeyField)
    ]


def codes_of(
    session: Session, table: str, code: str, key: str, size: int
) -> AsyncIterator[Sequence[CodeKeyRow]]:
    """All codes of a column with their keys, `size` at a time."""
    where = _REPEATED if key == "tracking_number_key" and table == "carrier_event" else ""
    pages = session.pages(f"SELECT {code} AS code, {key} AS key FROM {table}{where}", size)
    return cast("AsyncIterator[Sequence[CodeKeyRow]]", pages)
