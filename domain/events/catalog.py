"""Events of master data: items, suppliers, locations, channels, reason codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypedDict

from domain.catalog.commands import ReasonKind
from domain.events.payloads import EventPayload, json_key

# Suffixes of columns that together, or by another name, are one field of the API.
_SUFFIXES = ("_minor", "_currency", "_id")


def changed_fields(columns: Iterable[str]) -> tuple[str, ...]:
    """Names of the API's fields for changed columns: `price` for `price_minor`; sorted."""
    names = set()
    for column in columns:
        for suffix in _SUFFIXES:
            column = column.removesuffix(suffix)
        names.add(json_key(column))
    return tuple(sorted(names))


class MasterDataStep(TypedDict):
    """The fields that every event of master data has, for `**`."""

    created: bool
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterDataPayload(EventPayload):
    """The fields that every event of master data has."""

    created: bool
    """True if the object is new."""
    changed: tuple[str, ...]
    """Names of the changed fields, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemUpserted(MasterDataPayload):
    """An item was created or changed."""

    type: ClassVar[str] = "item.upserted"
    subject_type: ClassVar[str] = "Item"
    scoped_by: ClassVar[tuple[str, ...]] = ()

    sku: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierUpserted(MasterDataPayload):
    """A supplier was created or changed."""

    type: ClassVar[str] = "supplier.upserted"
    subject_type: ClassVar[str] = "Supplier"
    scoped_by: ClassVar[tuple[str, ...]] = ()

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonUpserted(MasterDataPayload):
    """A reason code was created or changed."""

    type: ClassVar[str] = "reason.upserted"
    subject_type: ClassVar[str] = "ReasonCode"
    scoped_by: ClassVar[tuple[str, ...]] = ()

    kind: ReasonKind
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationUpserted(MasterDataPayload):
    """A location was created or changed."""

    type: ClassVar[str] = "location.upserted"
    subject_type: ClassVar[str] = "Location"
    scoped_by: ClassVar[tuple[str, ...]] = ("location",)

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChanged(MasterDataPayload):
    """A channel was created or changed."""

    type: ClassVar[str] = "channel.changed"
    subject_type: ClassVar[str] = "Channel"
    scoped_by: ClassVar[tuple[str, ...]] = ("channel",)

    code: str
