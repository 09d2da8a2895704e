"""The streams: what happened (exact, in order) and what is so now (the latest per subject).

Each is a generator of plain values for one reader; closing it ends the subscription. `after` is a
cursor: "0" for everything that is kept, absent for what comes from now on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from domain.access.callers import Caller
from domain.errors import BadRequest
from domain.events.catalog import ChannelChanged, ItemUpserted, LocationUpserted
from domain.events.cursors import parse_cursor
from domain.events.orders import OrderCancelled, OrderPlaced
from domain.events.policies import PolicyEffective, PolicyPublished
from domain.events.stock import StockChanged
from domain.events.visibility import may_see_event
from models.queries.events.event_log import LoggedEvent
from models.queries.reads.stock import LevelDetails
from subscriptions.log.listeners import (
    EVERY,
    ExactListener,
    FoldingListener,
    Key,
    at_locations,
    of_skus,
    of_types,
    skus_of,
)
from subscriptions.log.relay import Audience, Relay
from subscriptions.streams.batched_reads import BatchedReads
from subscriptions.streams.level_cache import LevelCache

EXACT_BUFFER_MAX = 4_000  # a bulk transaction may bring thousands at once; they are shared
FOLDED_BUFFER_MAX = 50_000
FILTER_MAX = 1_000  # names in one argument
STEP = 32  # subjects taken at once: what is taken is no longer folded
PIECE = 500  # SKUs read at once where all of a channel may have changed
_ALL = ""  # the subject of facts about every SKU; none is empty

STOCK = StockChanged.type
# Facts after which a channel may sell another number of a SKU that they name.
PROMISING = frozenset({STOCK, OrderPlaced.type, OrderCancelled.type, ItemUpserted.type})
# Facts after which it may be another number of every SKU.
PROMISING_ALL = frozenset(
    {ChannelChanged.type, LocationUpserted.type, PolicyPublished.type, PolicyEffective.type}
)

AvailabilityT = TypeVar("AvailabilityT")


@dataclass(frozen=True, slots=True)
class StockChange:
    """A level as it is now with what it is of, and why it changed last."""

    cursor: str
    details: LevelDetails
    cause: str


@dataclass(frozen=True, slots=True)
class AvailabilityChange(Generic[AvailabilityT]):
    """What a channel may sell of a SKU now, after the event at `position`.

    `cursor` lies before it where other SKUs of the same event follow.
    """

    cursor: str
    position: int
    availability: AvailabilityT


class AvailabilitySource(Protocol[AvailabilityT]):
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


class _Given:
    """What the audience of a stream was given last of each SKU.

    Whoever joined later began behind a position, and what was said of an event before that passed
    it by: so this may be said again.
    """

    def __init__(self, audience: Audience | None) -> None:
        self._audience = audience
        self._last: dict[str, tuple[int, Hashable]] = {}

    def is_news(self, sku: str, substance: Hashable, position: int) -> bool:
        """Note what is given now; false where everybody was given the same before."""
        joined_at = 0 if self._audience is None else self._audience.joined_at
        known = self._last.get(sku)
        if known is not None and known[0] > joined_at and known[1] == substance:
            return False
        if known is None and len(self._last) >= FOLDED_BUFFER_MAX:
            self._last.clear()  # then it is said again, which only costs
        self._last[sku] = position, substance
        return True


class Streams(Generic[AvailabilityT]):
    """Opens streams for the readers of this process."""

    def __init__(
        self, relay: Relay, levels: LevelCache, promises: AvailabilitySource[AvailabilityT]
    ) -> None:
        self._relay = relay
        self._levels = levels
        self._promises = promises
        self._availability = BatchedReads(self._read_availability)

    async def events(
        self,
        caller: Caller,
        *,
        types: Collection[str] | None = None,
        after: str | None = None,
        audience: Audience | None = None,
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
            listener, position_of(after), types=narrowed, audience=audience
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
        audience: Audience | None = None,
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
        async with aclosing(folded(self._relay, listener, after, [STOCK], audience)) as changes:
            async for taken in changes:
                details_of = await self._levels.of([event for _, event in taken])
                for key, event in taken:
                    if (details := details_of.get(int(key))) is not None:
                        yield StockChange(event.cursor, details, event.data["cause"])

    async def availability_changed(
        self,
        caller: Caller,
        channel: str,
        *,
        skus: Collection[str] | None = None,
        after: str | None = None,
        audience: Audience | None = None,
    ) -> AsyncGenerator[AvailabilityChange[AvailabilityT], None]:
        """What the channel may sell of each SKU, whenever that may have changed.

        The caller sees the channel: its events' own scope does not matter, since the numbers are
        the channel's.
        """
        of = chosen(skus, "skus")

        def subjects(event: LoggedEvent) -> Iterable[str]:
            if event.type in PROMISING_ALL:
                return (_ALL,)
            named = skus_of(event)
            return named if of is None else of.intersection(named)

        async def expanded(
            taken: Sequence[tuple[str, LoggedEvent]],
        ) -> list[tuple[str, LoggedEvent]]:
            found: list[tuple[str, LoggedEvent]] = []
            for sku, event in taken:
                if sku != _ALL:
                    found.append((sku, event))
                else:  # those that the channel has by now
                    every = await self._promises.skus(channel) if of is None else sorted(of)
                    found += [(each, event) for each in every]
            return found

        listener = FoldingListener(
            (of_skus(of) if of is not None else of_types(PROMISING)) | of_types(PROMISING_ALL),
            lambda event: event.type in PROMISING or event.type in PROMISING_ALL,
            subjects,
            FOLDED_BUFFER_MAX,
        )
        given = _Given(audience)
        types = sorted(PROMISING | PROMISING_ALL)
        async with aclosing(folded(self._relay, listener, after, types, audience)) as changes:
            async for taken in changes:
                last = taken[-1][1].position
                is_cut = listener.has_more_of(last)
                asked = await expanded(taken)
                for first in range(0, len(asked), PIECE):
                    piece = asked[first : first + PIECE]
                    rest = asked[first + PIECE : first + PIECE + 1]
                    follows = rest[0][1].position if rest else last if is_cut else None
                    for change in await self._availability_of(channel, piece, given, follows):
                        yield change

    async def _availability_of(
        self,
        channel: str,
        asked: Sequence[tuple[str, LoggedEvent]],
        given: _Given,
        follows: int | None,
    ) -> Sequence[AvailabilityChange[AvailabilityT]]:
        """What there is to tell of these SKUs; more of the event at `follows` comes behind them."""
        found = await self._availability.get([(channel, sku) for sku, _ in asked])
        told = []
        for sku, event in asked:
            availability = found.get((channel, sku))
            if availability is not None and given.is_news(
                sku, self._promises.substance(availability), event.position
            ):
                told.append((event.position, availability))
        behind = [*(position for position, _ in told[1:]), follows]
        return [
            AvailabilityChange(str(position - (position == next_one)), position, availability)
            for (position, availability), next_one in zip(told, behind, strict=False)
        ]

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
    audience: Audience | None,
) -> AsyncGenerator[Sequence[tuple[str, LoggedEvent]], None]:
    """The past folded to one event per subject, then what comes, in the order of positions."""
    async with relay.following(
        listener, position_of(after), types=types, audience=audience
    ) as past:
        async for page in past:
            for event in page:
                listener.offer(event)
                while listener.is_filling:  # a long past is folded piece by piece
                    yield await listener.take(STEP)
        while taken := await listener.take(STEP):
            yield taken


def _sees(caller: Caller, event: LoggedEvent) -> bool:
    return may_see_event(caller, event.type, event.channel, event.location, event.actor)


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
