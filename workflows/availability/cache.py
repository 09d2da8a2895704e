"""What channels may sell, remembered by this process, and never believed without asking first.

Before each answer one statement asks the log what has happened since
(models/queries/stock/changes.py), and whatever the news are about is forgotten. A fact and its
event commit together, so the answer is at least as new as anything that was confirmed to anybody,
by any process, before it was asked for.

- Requests that come while a look is under way share the next one: it begins after they came.
- What is read from the database while news about it come in is used, but not remembered.
- A hold that is over frees its units by the clock: its items are read until it has been swept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import models.queries.events.event_log as event_log
import models.queries.policies as policy_queries
import models.queries.stock.availability as availability_queries
import models.queries.stock.changes as change_queries
import workflows.availability.availability as availability
import workflows.availability.routing as routing
import workflows.policies.publishing as policies
from domain.access.callers import Caller
from domain.policies.policies import PolicyKind, PolicyVersion
from domain.policies.routing import RoutingRules
from domain.routing.shipping_calendar import start_of_day, zone_of
from models.database.database import Database
from models.database.sessions import Session
from models.queries.catalog.lookups import ChannelFacts
from models.queries.stock.availability import Goods
from models.queries.stock.changes import ChangeRow
from workflows.availability.atp_context import AtpContext
from workflows.availability.availability import Availability
from workflows.availability.delivery_dates import DeliveryDates, Taken, Terms, is_today
from workflows.availability.shared_reads import SharedReads

GOODS_MAX: Final = 50_000
ANSWERS_MAX: Final = 8  # per SKU: channels, destinations, service levels
DATES_MAX: Final = 1_000
# Not asked for so long, it begins anew: less than any event is kept.
IDLE: Final = timedelta(minutes=5)

_OVER: Final = "hold over"
_RULES: Final = frozenset({"Channel", "Location", "Policy"})
_COUNTED: Final = frozenset({"Order", "Fulfillment"})
# Facts that no promise depends on, or whose units tell of themselves by stock.changed.
_WITHOUT_EFFECT: Final = frozenset(
    {
        *("ApiKey", "CarrierEvent", "JournalEntry", "OperationalException", "Parcel", "Period"),
        *("ReasonCode", "Refund", "Reservation", "Return", "ReturnItem", "Supplier", "Task"),
    }
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look saw: the instant, and SKUs whose holds are over; None: too many to name."""

    now: datetime
    over: frozenset[str] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """Channels and routing policies, until one that is published already comes into force."""

    channels: Sequence[ChannelFacts]
    routing: Sequence[PolicyVersion[RoutingRules]]
    until: datetime | None

    def hold_at(self, now: datetime) -> bool:
        return self.until is None or now < self.until


@dataclass(slots=True, eq=False)
class _Known:
    """A SKU's goods (None: no such item) and the answers made of them, each with its grounds."""

    goods: Goods | None
    answers: dict[Terms, tuple[_Rules, DeliveryDates, Availability]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Reading:
    """A read from the database under way, and whether news about its subject have come in."""

    skus: set[str]
    rules_hold: bool = True
    counts_hold: bool = True


class AvailabilityCache:
    """Answers what channels may sell, from memory where nothing has happened."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._position: int | None = None  # None: begin at the end of the log
        self._looked_at: datetime | None = None
        self._pending: set[int] = set()  # events heard before they had a position
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._rules: _Rules | None = None
        self._taken: dict[int, tuple[datetime, int]] = {}
        self._dates: dict[tuple[Terms, str], DeliveryDates] = {}
        self._readings: set[_Reading] = set()
        self._looks: SharedReads[_Seen] = SharedReads(self._look)

    async def find(
        self,
        channel_code: str,
        skus: Sequence[str],
        caller: Caller,
        *,
        country: str | None = None,
        service_level: str = routing.STANDARD,
    ) -> tuple[datetime, list[Availability | None]]:
        """As `workflows.availability.availability.find`, and the instant as of which it is true."""
        seen = await self._looks.next()
        now, over = seen.now, seen.over
        rules = self._rules
        if rules is None or not rules.hold_at(now):
            rules = await self._read_rules(now)
        channel = availability.visible(rules.channels, channel_code, caller)
        taken = await self._orders_today(channel, now)
        known: Mapping[str, _Known] = self._known
        missing = set(skus) if over is None else {*over.intersection(skus)}
        missing.update(sku for sku in skus if sku not in known)
        if missing:
            # What is here now may be forgotten while the rest is read.
            here = {sku: known[sku] for sku in skus if sku not in missing}
            known = here | await self._read_goods(missing, now)
        terms = (channel.id, country, service_level)
        second = int(now.timestamp())
        holding: DeliveryDates | None = None  # asked once: most SKUs of an answer share their dates
        found: list[Availability | None] = []
        for sku in skus:
            each = known[sku]
            if each.goods is None:
                found.append(None)
                continue
            answer = each.answers.get(terms)
            if (
                answer is None
                or answer[0] is not rules
                or not (answer[1] is holding or answer[1].hold_at(now, second))
            ):
                answer = self._answer(rules, channel, each.goods, terms, taken, now)
                if len(each.answers) >= ANSWERS_MAX:
                    each.answers.clear()
                each.answers[terms] = answer
            holding = answer[1]
            found.append(answer[2])
        return now, found

    def _answer(
        self,
        rules: _Rules,
        channel: ChannelFacts,
        goods: Goods,
        terms: Terms,
        taken: Taken,
        now: datetime,
    ) -> tuple[_Rules, DeliveryDates, Availability]:
        market = AtpContext(rules.channels, rules.routing, availability.owed([goods]), now)
        policy = market.rules_for(channel, [goods.item])
        key = (terms, str(policy.scope))
        dates = self._dates.get(key)
        is_same = dates is not None and dates.channel is channel and dates.policy is policy
        if dates is None or not is_same or not dates.hold_at(now, int(now.timestamp())):
            if len(self._dates) >= DATES_MAX:
                self._dates.clear()
            dates = self._dates[key] = DeliveryDates.at(channel, policy, terms, taken, now)
        return rules, dates, availability.of_goods(market, channel, goods, dates.promises)

    # ─── what happened ───

    async def _look(self) -> _Seen:
        now = self._clock()
        if self._looked_at is None or now - self._looked_at > IDLE:
            self._forget_all()
        self._looked_at = now
        try:
            async with self._database.reading() as session:
                if self._position is None:
                    self._position = await event_log.last_position(session)
                rows = await change_queries.since(session, self._position, list(self._pending), now)
                return await self._learn(session, rows, now)
        except BaseException:
            self._forget_all()
            raise

    async def _learn(self, session: Session, rows: Sequence[ChangeRow], now: datetime) -> _Seen:
        """Forget what the news are about; more news than one look brings is all of it."""
        over = {row["subject_key"] for row in rows if row["subject_type"] == _OVER}
        if len(rows) >= change_queries.CHANGES_MAX:
            self._forget_all()
            return _Seen(now, None)
        orders = []
        for row in rows:
            if row["event_id"] is None:
                continue
            if row["position"] is not None:
                self._position = max(self._position or 0, row["position"])
                if row["event_id"] in self._pending:
                    self._pending.discard(row["event_id"])
                    continue
            else:
                self._pending.add(row["event_id"])
            if row["subject_type"] == "Order":
                orders.append(UUID(row["subject_key"]))
            self._hear(row)
        if orders:
            self._forget(await change_queries.skus_of_orders(session, orders))
        return _Seen(now, frozenset(over))

    def _hear(self, row: ChangeRow) -> None:
        subject, data = row["subject_type"], row["data"]
        if data is not None and subject in ("StockLevel", "Item"):
            self._forget([orjson.loads(data)["sku"]])
        elif subject in _RULES:
            self._rules = None
            for reading in self._readings:
                reading.rules_hold = False
        elif subject in _COUNTED:
            self._taken.clear()
            self._void_dates()
            for reading in self._readings:
                reading.counts_hold = False
        elif subject not in _WITHOUT_EFFECT:
            self._forget_all()

    def _forget(self, skus: Iterable[str]) -> None:
        for sku in skus:
            self._known.pop(sku, None)
            for reading in self._readings:
                reading.skus.discard(sku)

    def _forget_all(self) -> None:
        self._position = None
        self._pending.clear()
        self._known.clear()
        self._rules = None
        self._taken.clear()
        self._void_dates()
        for reading in self._readings:
            reading.skus.clear()
            reading.rules_hold = reading.counts_hold = False

    def _void_dates(self) -> None:
        """Of locations with a capacity: how many orders they have decides when they ship."""
        for key, dates in list(self._dates.items()):
            if any(place.daily_order_capacity is not None for place in dates.channel.locations):
                dates.is_void = True
                del self._dates[key]

    # ─── what is not in memory ───

    async def _read_goods(self, skus: set[str], now: datetime) -> dict[str, _Known]:
        reading = _Reading(set(skus))
        self._readings.add(reading)
        try:
            async with self._database.reading() as session:
                found = await availability_queries.goods(session, sorted(skus), now)
        finally:
            self._readings.discard(reading)
        known = {sku: _Known(found.get(sku)) for sku in skus}
        for sku in reading.skus:
            goods = known[sku].goods
            if goods is None or not goods.has_expired:
                self._known[sku] = known[sku]
        while len(self._known) > GOODS_MAX:
            self._known.popitem(last=False)
        return known

    async def _read_rules(self, now: datetime) -> _Rules:
        reading = _Reading(set())
        self._readings.add(reading)
        try:
            async with self._database.snapshot() as session:
                rules = _Rules(
                    channels=await lookups.all_channels(session),
                    routing=await policies.in_force(session, PolicyKind.ROUTING, now),
                    until=await policy_queries.next_change(session, PolicyKind.ROUTING, now),
                )
        finally:
            self._readings.discard(reading)
        if reading.rules_hold:
            self._rules = rules
        return rules

    async def _orders_today(self, channel: ChannelFacts, now: datetime) -> Taken:
        """Orders for today of the channel's locations that have a capacity."""
        if is_today(channel, self._taken, now):
            return self._taken
        reading = _Reading(set())
        self._readings.add(reading)
        taken: dict[int, tuple[datetime, int]] = {}
        try:
            async with self._database.snapshot() as session:
                for place in channel.locations:
                    start = start_of_day(now, zone_of(place.time_zone))
                    taken[place.id] = start, await routing.orders_today(session, place, now)
        finally:
            self._readings.discard(reading)
        if reading.counts_hold:
            self._taken |= taken
        return taken
