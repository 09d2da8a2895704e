"""The streams: what happened (exact, in order) and what is so now (the latest per subject).

Each is a generator of plain values for one reader; closing it ends the subscription. `after` is a
cursor: "0" for everything that is kept, absent for what comes from now on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from domain.access import Caller
from domain.errors import BadRequest
from domain.events import may_see_event, parse_cursor
from models.queries.event_log import LoggedEvent
from models.queries.reads.stock import Shelf
from subscriptions.boards import Board
from subscriptions.channels import (
    EVERY,
    ExactListener,
    FoldingListener,
    Key,
    at_locations,
    of_skus,
    of_types,
    skus_of,
)
from subscriptions.relay import Handover, Relay
from subscriptions.shelves import Shelves

EXACT_BUFFER_MAX = 4_000  # a bulk transaction may bring thousands at once; they are shared
FOLDED_BUFFER_MAX = 50_000
FILTER_MAX = 1_000  # names in one argument
STEP = 32  # subjects taken at once: what is taken is no longer folded

STOCK = "stock.changed"
# Facts after which a channel may sell another number of a SKU that they name.
PROMISING = frozenset(
    {STOCK, "availability.changed", "order.placed", "order.cancelled", "item.upserted"}
)
# Facts after which it may be another number of every SKU.
PROMISING_ALL = frozenset({"channel.changed", "location.upserted", "policy.published"})

AvailabilityT = TypeVar("AvailabilityT")


@dataclass(frozen=True, slots=True)
class StockChange:
    """A level as it is now with what it is of, and why it changed last."""

    cursor: str
    shelf: Shelf
    cause: str


@dataclass(frozen=True, slots=True)
class AvailabilityChange(Generic[AvailabilityT]):
    """What a channel may sell of a SKU now."""

    cursor: str
    availability: AvailabilityT


class Promises(Protocol[AvailabilityT]):
    """Reads availability; the one rule of queries and reservations."""

    async def of(self, channel: str, skus: Sequence[str]) -> Mapping[str, AvailabilityT]:
        """The availability of the SKUs that exist, now."""
        ...

    async def skus(self, channel: str) -> Sequence[str]:
        """Every SKU that lies at one of the channel's locations."""
        ...

    def substance(self, availability: AvailabilityT) -> Hashable:
        """What of it matters: equal for two that differ only in when they were computed."""
        ...


class Streams(Generic[AvailabilityT]):
    """Opens streams for the readers of this process."""

    def __init__(self, relay: Relay, shelves: Shelves, promises: Promises[AvailabilityT]) -> None:
        self._relay = relay
        self._shelves = shelves
        self._promises = promises
        self._availability = Board(self._read_availability)

    async def events(
        self,
        caller: Caller,
        *,
        types: Collection[str] | None = None,
        after: str | None = None,
        handover: Handover | None = None,
    ) -> AsyncGenerator[LoggedEvent, None]:
        """Every event that the caller may see, in order, each once.

        Raises BadRequest (a malformed cursor), CursorTooOld, and ReaderTooSlow at the end of a
        stream whose reader took less than came.
        """
        names = chosen(types, "types")

        def wants(event: LoggedEvent) -> bool:
            is_chosen = names is None or event.type in names
            return is_chosen and _sees(caller, event)

        listener = ExactListener(_keys(types=names), wants, EXACT_BUFFER_MAX)
        narrowed = None if names is None else sorted(names)
        async with self._relay.following(
            listener, position_of(after), types=narrowed, handover=handover
        ) as past:
            async for page in past:
                for event in filter(wants, page):
                    yield event
            while taken := await listener.take(STEP):
                for event in taken:
                    yield event

    async def stock_changed(
        self,
        caller: Caller,
        *,
        skus: Collection[str] | None = None,
        locations: Collection[str] | None = None,
        after: str | None = None,
        handover: Handover | None = None,
    ) -> AsyncGenerator[StockChange, None]:
        """Levels that changed, as they are now; what changes faster than it is read is folded."""
        of, at = chosen(skus, "skus"), chosen(locations, "locations")

        def wants(event: LoggedEvent) -> bool:
            return (
                event.type == STOCK
                and (of is None or event.data.get("sku") in of)
                and (at is None or event.location in at)
                and _sees(caller, event)
            )

        listener = FoldingListener(
            _keys(skus=of, locations=at, types=frozenset({STOCK})),
            wants,
            lambda event: (event.subject_key,),
            FOLDED_BUFFER_MAX,
        )
        async with aclosing(folded(self._relay, listener, after, [STOCK], handover)) as changes:
            async for taken in changes:
                shelves = await self._shelves.of([event for _, event in taken])
                for key, event in taken:
                    if (shelf := shelves.get(int(key))) is not None:
                        yield StockChange(event.cursor, shelf, event.data["cause"])

    async def availability_changed(
        self,
        caller: Caller,
        channel: str,
        *,
        skus: Collection[str] | None = None,
        after: str | None = None,
        handover: Handover | None = None,
    ) -> AsyncGenerator[AvailabilityChange[AvailabilityT], None]:
        """What the channel may sell of each SKU, whenever that may have changed.

        The caller sees the channel: its events' own scope does not matter, since the numbers are
        the channel's.
        """
        of = chosen(skus, "skus")
        every = await self._promises.skus(channel) if of is None else ()

        def subjects(event: LoggedEvent) -> Iterable[str]:
            if event.type in PROMISING_ALL:
                return every if of is None else sorted(of)
            named = skus_of(event)
            return named if of is None else of.intersection(named)

        listener = FoldingListener(
            (of_skus(of) if of is not None else of_types(PROMISING)) | of_types(PROMISING_ALL),
            lambda event: event.type in PROMISING or event.type in PROMISING_ALL,
            subjects,
            FOLDED_BUFFER_MAX,
        )
        given: dict[str, Hashable] = {}
        types = sorted(PROMISING | PROMISING_ALL)
        async with aclosing(folded(self._relay, listener, after, types, handover)) as changes:
            async for taken in changes:
                found = await self._availability.get([(channel, sku) for sku, _ in taken])
                for sku, event in taken:
                    if (availability := found.get((channel, sku))) is None:
                        continue
                    substance = self._promises.substance(availability)
                    if given.get(sku) != substance:
                        given[sku] = substance
                        yield AvailabilityChange(event.cursor, availability)

    async def _read_availability(
        self, asked: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], AvailabilityT]:
        """By (channel, SKU)."""
        by_channel: dict[str, list[str]] = {}
        for channel, sku in asked:
            by_channel.setdefault(channel, []).append(sku)
        found = {}
        for channel, skus in by_channel.items():
            for sku, availability in (await self._promises.of(channel, skus)).items():
                found[channel, sku] = availability
        return found


async def folded(
    relay: Relay,
    listener: FoldingListener,
    after: str | None,
    types: Sequence[str] | None,
    handover: Handover | None,
) -> AsyncGenerator[Sequence[tuple[str, LoggedEvent]], None]:
    """The past folded to one event per subject, then what comes, in the order of positions."""
    async with relay.following(
        listener, position_of(after), types=types, handover=handover
    ) as past:
        async for page in past:
            for event in page:
                listener.offer(event)
        while taken := await listener.take(STEP):
            yield taken


def _sees(caller: Caller, event: LoggedEvent) -> bool:
    return may_see_event(caller, event.type, event.channel, event.location)


def position_of(after: str | None) -> int | None:
    """The position that a cursor names. Raises BadRequest for a malformed one."""
    return None if after is None else parse_cursor(after)


def chosen(names: Collection[str] | None, argument: str) -> frozenset[str] | None:
    """The names in an argument. Raises BadRequest where there are too many."""
    if names is not None and len(names) > FILTER_MAX:
        raise BadRequest(f"The argument {argument} names more than {FILTER_MAX}.")
    return None if names is None else frozenset(names)


def _keys(
    *,
    types: frozenset[str] | None,
    skus: frozenset[str] | None = None,
    locations: frozenset[str] | None = None,
) -> frozenset[Key]:
    """The most selective keys for a listener that asks for all of this together."""
    if skus is not None:
        return of_skus(skus)
    if locations is not None:
        return at_locations(locations)
    return frozenset({EVERY}) if types is None else of_types(types)
