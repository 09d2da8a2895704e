"""In-process cache of availability, validated against the event log before every answer.

Before each answer one statement reads the events recorded since the last answer
(models/queries/stock/changes.py). Each entry that they concern is dropped. A change commits
together with its event. So an answer includes every change that any process had confirmed before
the request came.

- Concurrent requests share a read of the log. It starts after all of them have come.
- Data read from the database while an event about it arrives is used once but not cached.
- Channels, policies and measures are read again after an event about one of them.
- An expired hold frees its units by the clock alone. So an entry is valid until the next end of a
  live hold of its item. Items of expired holds are read from the database until these are swept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.continuity.measures as measure_queries
import models.queries.events.event_log as event_log
import models.queries.policies as policy_queries
import models.queries.stock.availability as availability_queries
import models.queries.stock.changes as change_queries
import workflows.availability.atp_context as atp_context
import workflows.availability.availability as availability
import workflows.availability.routing as routing
import workflows.policies.publishing as policies
from domain.access.callers import Caller
from domain.continuity.measures import Measures
from domain.policies.continuity import MeasureKind
from domain.routing.shipping_calendar import start_of_day, zone_of
from domain.values.codes import comparison_key
from models.database.database import Database
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts
from models.queries.stock.availability import ItemSupply
from models.queries.stock.changes import ChangeRow
from workflows.availability.atp_context import AtpContext
from workflows.availability.availability import Availability
from workflows.availability.delivery_dates import (
    DeliveryDates,
    OrderCounts,
    Terms,
    is_counted,
    is_today,
)
from workflows.availability.shared_reads import SharedReads
from workflows.policies.publishing import SourcingPolicies

GOODS_MAX: Final = 50_000
ANSWERS_MAX: Final = 8  # per SKU: channels, destinations, service levels
DATES_MAX: Final = 1_000
# After a longer pause without requests the cache is emptied. Events are kept for longer than this.
IDLE_MAX: Final = timedelta(minutes=5)

_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_RULES: Final = frozenset({"Channel", "Location", "PlaybookRun", "Policy"})
_COUNTED: Final = frozenset({"Order", "Fulfillment"})
# Subjects that do not affect availability, or whose units are reported by stock.changed.
_WITHOUT_EFFECT: Final = frozenset(
    {
        *("ApiKey", "CarrierEvent", "JournalEntry", "OperationalException", "Parcel", "Period"),
        *("ReasonCode", "Refund", "Reservation", "Return", "ReturnItem", "Supplier", "Task"),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """Channels, policies of routing and rollout, and active measures.

    They are valid until a published policy comes into force, or a measure ends by the clock.
    """

    channels: Sequence[ChannelFacts]
    routing: SourcingPolicies
    measures: Measures
    until: datetime | None

    def is_valid_at(self, now: datetime) -> bool:
        return self.until is None or now < self.until


@dataclass(slots=True, eq=False)
class _Entry:
    """Supply of a SKU (None: no such item) until the next end of a hold, and answers from it.

    Each answer keeps the rules and dates from which it was computed. Its key has the locations that
    are full: they got all parcels of the day that a measure allows.
    """

    supply: ItemSupply | None
    until: datetime
    answers: dict[tuple[Terms, frozenset[int]], tuple[_Rules, DeliveryDates, Availability]] = field(
        default_factory=dict
    )


@dataclass(slots=True, eq=False)
class _Reading:
    """A read from the database in progress, and whether its result may be cached.

    An event that arrives during the read removes its SKUs from `keys`, or clears `rules_valid` or
    `counts_valid`.
    """

    keys: set[str]
    rules_valid: bool = True
    counts_valid: bool = True


class AvailabilityCache:
    """Answers availability requests, from memory if no event concerns the entry."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._position: int | None = None  # None: start at the end of the log
        self._validated_at: datetime | None = None
        self._pending: set[int] = set()  # events that were applied before they had a position
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # by key of the SKU
        self._rules: _Rules | None = None
        self._order_counts: dict[int, tuple[datetime, int]] = {}
        self._dates: dict[tuple[Terms, str], DeliveryDates] = {}
        self._readings: set[_Reading] = set()
        self._validations: SharedReads[datetime] = SharedReads(self._validate)

    async def find(
        self,
        channel_code: str,
        skus: Sequence[str],
        caller: Caller,
        *,
        country: str | None = None,
        service_level: str = routing.STANDARD,
    ) -> tuple[datetime, list[Availability | None]]:
        """Availability of each SKU, and the instant for which it holds.

        The arguments, results and errors are those of `workflows.availability.availability.find`.
        """
        now = await self._validations.next()
        rules = self._rules
        if rules is None or not rules.is_valid_at(now):
            rules = await self._read_rules(now)
        channel = availability.visible(rules.channels, channel_code, caller)
        order_counts = await self._orders_today(channel, rules.measures, now)
        keys = [comparison_key(sku) for sku in skus]
        entries: Mapping[str, _Entry] = self._entries
        missing = {key for key in keys if key not in entries or entries[key].until <= now}
        if missing:
            # Entries that are cached now may be dropped while the others are read.
            cached = {key: entries[key] for key in keys if key not in missing}
            entries = cached | await self._read_goods(missing, now)
        terms = (channel.id, country, service_level)
        key_of_answer = (terms, _full(channel, rules.measures, order_counts))
        second = int(now.timestamp())
        valid: DeliveryDates | None = None  # checked once: most SKUs of an answer share dates
        found: list[Availability | None] = []
        for key in keys:
            each = entries[key]
            if each.supply is None:
                found.append(None)
                continue
            answer = each.answers.get(key_of_answer)
            if (
                answer is None
                or answer[0] is not rules
                or not (answer[1] is valid or answer[1].is_valid_at(now, second))
            ):
                answer = self._answer(rules, channel, each.supply, terms, order_counts, now)
                if len(each.answers) >= ANSWERS_MAX:
                    each.answers.clear()
                each.answers[key_of_answer] = answer
            valid = answer[1]
            found.append(answer[2])
        return now, found

    def _answer(
        self,
        rules: _Rules,
        channel: ChannelFacts,
        supply: ItemSupply,
        terms: Terms,
        order_counts: OrderCounts,
        now: datetime,
    ) -> tuple[_Rules, DeliveryDates, Availability]:
        context = AtpContext(
            rules.channels,
            rules.routing,
            availability.backordered_units([supply]),
            now,
            measures=rules.measures,
            room=dict.fromkeys(_full(channel, rules.measures, order_counts), 0),
        )
        policy = context.rules_for(channel, [supply.item])
        key = (terms, str(policy.scope))
        dates = self._dates.get(key)
        is_same = (
            dates is not None
            and dates.channel is channel
            and dates.policy is policy
            and dates.measures is rules.measures
        )
        if dates is None or not is_same or not dates.is_valid_at(now, int(now.timestamp())):
            if len(self._dates) >= DATES_MAX:
                self._dates.clear()
            dates = self._dates[key] = DeliveryDates.at(
                channel, policy, terms, order_counts, rules.measures, now
            )
        return rules, dates, availability.of_supply(context, channel, supply, dates.promises)

    # ─── validation against the event log ───

    async def _validate(self) -> datetime:
        """Apply the events since the last read of the log; returns the instant of this one."""
        now = self._clock()
        if self._validated_at is None or now - self._validated_at > IDLE_MAX:
            self._clear()
        self._validated_at = now
        try:
            async with self._database.reading() as session:
                if self._position is None:
                    self._position = await event_log.last_position(session)
                rows = await change_queries.since(session, self._position, list(self._pending))
                await self._apply(session, rows)
        except BaseException:
            self._clear()
            raise
        return now

    async def _apply(self, session: Session, rows: Sequence[ChangeRow]) -> None:
        """Drop the entries that these events concern; drop all if there are too many events."""
        if len(rows) >= change_queries.CHANGES_MAX:
            self._clear()
            return
        orders = []
        for row in rows:
            if row["position"] is not None:
                self._position = max(self._position or 0, row["position"])
                if row["event_id"] in self._pending:
                    self._pending.discard(row["event_id"])
                    continue
            else:
                self._pending.add(row["event_id"])
            if row["subject_type"] == "Order":
                orders.append(UUID(row["subject_key"]))
            self._apply_event(row)
        if orders:
            self._drop(await change_queries.skus_of_orders(session, orders))

    def _apply_event(self, row: ChangeRow) -> None:
        subject, data = row["subject_type"], row["data"]
        if subject in ("StockLevel", "Item"):
            self._drop([orjson.loads(data)["sku"]])
        elif subject in _RULES:
            self._rules = None
            self._order_counts.clear()  # a measure, or a capacity, needs those of other locations
            for reading in self._readings:
                reading.rules_valid = reading.counts_valid = False
        elif subject in _COUNTED:
            self._order_counts.clear()
            self._drop_capacity_dates()
            for reading in self._readings:
                reading.counts_valid = False
        elif subject not in _WITHOUT_EFFECT:
            self._clear()

    def _drop(self, skus: Iterable[str]) -> None:
        for key in map(comparison_key, skus):
            self._entries.pop(key, None)
            for reading in self._readings:
                reading.keys.discard(key)

    def _clear(self) -> None:
        self._position = None
        self._pending.clear()
        self._entries.clear()
        self._rules = None
        self._order_counts.clear()
        self._drop_capacity_dates()
        for reading in self._readings:
            reading.keys.clear()
            reading.rules_valid = reading.counts_valid = False

    def _drop_capacity_dates(self) -> None:
        """Drop the dates of channels that have a location whose orders are counted.

        The number of orders at such a location decides when it ships.
        """
        for key, dates in list(self._dates.items()):
            if any(is_counted(place, dates.measures) for place in dates.channel.locations):
                dates.is_void = True
                del self._dates[key]

    # ─── reads from the database ───

    async def _read_goods(self, keys: set[str], now: datetime) -> dict[str, _Entry]:
        reading = _Reading(set(keys))
        self._readings.add(reading)
        try:
            async with self._database.reading() as session:
                found = await availability_queries.supply_of_items(session, sorted(keys), now)
        finally:
            self._readings.discard(reading)
        entries = {key: _entry(found.get(key)) for key in keys}
        for key in reading.keys:
            supply = entries[key].supply
            if supply is None or not supply.has_expired:
                self._entries[key] = entries[key]
        while len(self._entries) > GOODS_MAX:
            self._entries.popitem(last=False)
        return entries

    async def _read_rules(self, now: datetime) -> _Rules:
        reading = _Reading(set())
        self._readings.add(reading)
        try:
            async with self._database.snapshot() as session:
                measures = (await session.answer(measure_queries.active())).at(now)
                ends = await policy_queries.next_change_of_sourcing(session, now)
                rules = _Rules(
                    channels=await lookups.all_channels(session),
                    routing=await session.answer(policies.sourcing_in_force(now)),
                    measures=measures,
                    until=min(filter(None, (ends, measures.next_end(now))), default=None),
                )
        finally:
            self._readings.discard(reading)
        if reading.rules_valid:
            self._rules = rules
        return rules

    async def _orders_today(
        self, channel: ChannelFacts, measures: Measures, now: datetime
    ) -> OrderCounts:
        """Number of orders for today at each location of the channel whose orders are counted."""
        if is_today(channel, self._order_counts, measures, now):
            return self._order_counts
        reading = _Reading(set())
        self._readings.add(reading)
        order_counts: dict[int, tuple[datetime, int]] = {}
        try:
            async with self._database.snapshot() as session:
                for place in channel.locations:
                    start = start_of_day(now, zone_of(place.time_zone))
                    count = 0
                    if is_counted(place, measures):
                        count = await atp_context.parcels_today(session, place, now)
                    order_counts[place.id] = start, count
        finally:
            self._readings.discard(reading)
        if reading.counts_valid:
            self._order_counts |= order_counts
        return order_counts


def _full(channel: ChannelFacts, measures: Measures, order_counts: OrderCounts) -> frozenset[int]:
    """The locations of a channel that got all parcels of today that a measure allows."""
    if not measures.of(MeasureKind.CAP_LOCATION):
        return frozenset()
    return frozenset(
        place.id
        for place in channel.locations
        if (cap := measures.cap(place.code)) is not None and order_counts[place.id][1] >= cap
    )


def _entry(supply: ItemSupply | None) -> _Entry:
    until = None if supply is None else supply.next_end_at
    return _Entry(supply, until or _FOREVER)
