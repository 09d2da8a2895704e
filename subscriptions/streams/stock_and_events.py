"""Streams of events (exact, in order), stock levels and availability (the latest per subject).

Each is a generator of plain values for one subscriber; closing it ends the subscription. `after` is
a cursor: "0" starts with the oldest event that is kept, None starts now.
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
from domain.events.policies import PlaybookEnded, PlaybookStarted, PolicyEffective, PolicyPublished
from domain.events.stock import StockChanged
from domain.events.visibility import may_see_event
from domain.values.codes import comparison_key
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

EXACT_BUFFER_MAX = 4_000  # a bulk transaction can bring thousands at once
FOLDED_BUFFER_MAX = 50_000
FILTER_MAX = 1_000  # names per argument
STEP = 32  # subjects taken at a time; later events can no longer replace taken ones
PIECE = 500  # SKUs per read when availability of a whole channel may have changed
_ALL = ""  # subject of events that concern every SKU; no SKU is empty

STOCK = StockChanged.type
# Event types that can change the availability of the SKUs that they name.
SKU_TYPES = frozenset({STOCK, OrderPlaced.type, OrderCancelled.type, ItemUpserted.type})
# Event types that can change the availability of every SKU.
CHANNEL_TYPES = frozenset(
    {
        ChannelChanged.type,
        LocationUpserted.type,
        PolicyPublished.type,
        PolicyEffective.type,
        PlaybookStarted.type,
        PlaybookEnded.type,
    }
)

AvailabilityT = TypeVar("AvailabilityT")


@dataclass(frozen=True, slots=True)
class StockChange:
    """The present state of a level with its item and location, and the cause of its last change."""

    cursor: str
    details: LevelDetails
    cause: str


@dataclass(frozen=True, slots=True)
class AvailabilityChange(Generic[AvailabilityT]):
    """The present availability of a SKU on a channel, after the event at `position`.

    `cursor` is lower than `position` if other SKUs of the same event follow.
    """

    cursor: str
    position: int
    availability: AvailabilityT


class AvailabilitySource(Protocol[AvailabilityT]):
    """Reads availability, by the same rule as queries and reservations."""

    async def of(self, channel: str, skus: Sequence[str]) -> Mapping[str, AvailabilityT]:
        """The present availability of the SKUs that exist, by the keys of the SKUs."""
        ...

    async def skus(self, channel: str) -> Sequence[str]:
        """All SKUs with stock at one of the channel's locations."""
        ...

    def comparison_key(self, availability: AvailabilityT) -> Hashable:
        """A value that is equal for two results that differ only in the time of computation."""
        ...


class _SentAvailability:
    """The last availability that was sent to a stream's audience, per SKU.

    A subscriber that joined later has not received earlier messages, so a value sent before it
    joined may have to be sent again.
    """

    def __init__(self, audience: Audience | None) -> None:
        self._audience = audience
        self._last: dict[str, tuple[int, Hashable]] = {}

    def is_new(self, sku: str, comparison_key: Hashable, position: int) -> bool:
        """Record a value to be sent; false if the whole audience got the same value before."""
        joined_at = 0 if self._audience is None else self._audience.joined_at
        known = self._last.get(sku)
        if known is not None and known[0] > joined_at and known[1] == comparison_key:
            return False
        if known is None and len(self._last) >= FOLDED_BUFFER_MAX:
            self._last.clear()  # then values are sent again, which is harmless
        self._last[sku] = position, comparison_key
        return True


class Streams(Generic[AvailabilityT]):
    """Opens streams for the subscribers of this process."""

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
        """All events that the caller may see, in order, each once.

        Raises BadRequest (a malformed cursor), CursorTooOld, and ReaderTooSlow at the end of a
        stream whose subscriber reads too slowly.
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
        """The present state of levels that changed. Changes that arrive faster than they are read
        are folded.
        """
        of, at = chosen_codes(skus, "skus"), chosen_codes(locations, "locations")

        def wants(event: LoggedEvent) -> bool:
            return (
                event.type == STOCK
                and (of is None or comparison_key(event.data["sku"]) in of)
                and (at is None or comparison_key(event.location or "") in at)
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
        """Availability of each SKU of the channel, after each change that can affect it.

        The caller sees the channel. The scope of the events is not checked, because availability
        belongs to the channel.
        """
        of = chosen_codes(skus, "skus")

        def subjects(event: LoggedEvent) -> Iterable[str]:
            if event.type in CHANNEL_TYPES:
                return (_ALL,)
            named = dict.fromkeys(map(comparison_key, skus_of(event)))
            return named if of is None else of.intersection(named)

        async def expanded(
            taken: Sequence[tuple[str, LoggedEvent]],
        ) -> list[tuple[str, LoggedEvent]]:
            found: list[tuple[str, LoggedEvent]] = []
            for sku, event in taken:
                if sku != _ALL:
                    found.append((sku, event))
                else:  # the SKUs that the channel has by now
                    every = await self._promises.skus(channel) if of is None else sorted(of)
                    found += [(comparison_key(each), event) for each in every]
            return found

        listener = FoldingListener(
            (of_skus(of) if of is not None else of_types(SKU_TYPES)) | of_types(CHANNEL_TYPES),
            lambda event: event.type in SKU_TYPES or event.type in CHANNEL_TYPES,
            subjects,
            FOLDED_BUFFER_MAX,
        )
        given = _SentAvailability(audience)
        types = sorted(SKU_TYPES | CHANNEL_TYPES)
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
        given: _SentAvailability,
        follows: int | None,
    ) -> Sequence[AvailabilityChange[AvailabilityT]]:
        """The changed availability of these SKUs.

        `follows`: the position of an event of which more SKUs are sent later.
        """
        found = await self._availability.get([(channel, sku) for sku, _ in asked])
        changed = []
        for sku, event in asked:
            availability = found.get((channel, sku))
            if availability is not None and given.is_new(
                sku, self._promises.comparison_key(availability), event.position
            ):
                changed.append((event.position, availability))
        next_positions = [*(position for position, _ in changed[1:]), follows]
        return [
            AvailabilityChange(str(position - (position == next_one)), position, availability)
            for (position, availability), next_one in zip(changed, next_positions, strict=False)
        ]

    async def _read_availability(
        self, asked: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], AvailabilityT]:
        """Availability by (channel, key of the SKU)."""
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
    """Past events folded to one per subject, then new events, in the order of positions."""
    async with relay.following(
        listener, position_of(after), types=types, audience=audience
    ) as past:
        async for page in past:
            for event in page:
                listener.offer(event)
                while listener.is_filling:  # a long past is delivered in pieces
                    yield await listener.take(STEP)
        while taken := await listener.take(STEP):
            yield taken


def _sees(caller: Caller, event: LoggedEvent) -> bool:
    return may_see_event(caller, event.type, event.channel, event.location, event.actor, event.data)


def position_of(after: str | None) -> int | None:
    """The position in a cursor. Raises BadRequest if it is malformed."""
    return None if after is None else parse_cursor(after)


def chosen(names: Collection[str] | None, argument: str) -> frozenset[str] | None:
    """The names in an argument. Raises BadRequest if there are too many."""
    if names is not None and len(names) > FILTER_MAX:
        raise BadRequest(
            f"At most {FILTER_MAX:,} values are allowed in {argument}; {len(names):,} were sent."
        )
    return None if names is None else frozenset(names)


def chosen_codes(codes: Collection[str] | None, argument: str) -> frozenset[str] | None:
    """The keys of the codes in an argument. Raises BadRequest if there are too many."""
    named = chosen(codes, argument)
    return None if named is None else frozenset(map(comparison_key, named))


def _keys(
    *,
    types: frozenset[str] | None,
    skus: frozenset[str] | None = None,
    locations: frozenset[str] | None = None,
) -> frozenset[Key]:
    """The most selective keys for a listener with all of these filters."""
    if skus is not None:
        return of_skus(skus)
    if locations is not None:
        return at_locations(locations)
    return frozenset({EVERY}) if types is None else of_types(types)
