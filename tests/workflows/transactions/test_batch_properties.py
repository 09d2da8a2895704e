"""A random batch has the same result as its commands one by one: outcomes and all database rows."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import workflows.orders.placement
import workflows.reservations.reservations
import workflows.stock.adjustments
from domain.access.callers import Caller, Role, anonymous, holder
from domain.orders.orders import number_of
from domain.policies.policies import PolicyKind
from domain.values.codes import comparison_key
from models.database.database import Database
from tests.builders.books import faults
from tests.builders.store import ADMIN, CLERK, SHOP, Shop, open_shop, pounds
from tests.builders.transactions import rows
from tests.databases import Databases
from workflows.orders.commands import NewLine, PlaceOrder
from workflows.reservations.commands import CreateReservation, HoldLine, ReleaseReservation
from workflows.stock.adjustments import AdjustStock
from workflows.transactions.actions import Action
from workflows.transactions.outcomes import Outcome, Request

EXAMPLES = 300 if os.environ.get("RESTOW_LONG") == "1" else 12
SKUS, PLACES = ("TEE-S", "TEE-M", "COAT"), ("LEEDS", "YORK")
NOBODYS = UUID(int=7)
MARKET = holder(Role.PARTNER, actor="market", channels=frozenset({"market"}))
LEEDS = holder(Role.WAREHOUSE, actor="lea", locations=frozenset({"LEEDS"}))
PASSERS_BY = [anonymous(f"192.0.2.{n}", frozenset({"web"})) for n in (1, 2)]


@dataclass(frozen=True)
class Ask:
    """A request whose hold, if it names one, is chosen when it is sent."""

    command: Any
    caller: Caller
    key: str | None
    which: int | None = None


def mostly(good: Sequence[Any], bad: Any) -> st.SearchStrategy[Any]:
    """Usually one of the good values, sometimes the bad one."""
    return st.sampled_from([*(each for each in good for _ in range(12)), bad])


# Few keys, so that they repeat with equal arguments, other arguments, or another action.
LONG = [f"a key of many letters {n}" for n in range(6)]
KEYS = st.none() | st.sampled_from(LONG)
NONE = st.none()
WHICH = st.integers(0, 5)  # index of a hold made so far
UNITS = st.integers(1, 4)
LINES = st.lists(
    st.builds(HoldLine, mostly(SKUS, "no such"), UNITS, st.sampled_from([None, None, "YORK"])),
    min_size=1,
    max_size=3,
).map(tuple)
GOODS = st.lists(
    st.builds(NewLine, mostly(SKUS, "no such"), UNITS, st.just(pounds("10.00"))),
    min_size=1,
    max_size=2,
).map(tuple)


def requested(
    command: Callable[[str], st.SearchStrategy[Any]],
    *of_web: Caller,
    which: st.SearchStrategy[int | None] = NONE,
) -> st.SearchStrategy[Ask]:
    """`command` of a channel, by a caller who usually may use it, with a key where it is
    required."""
    return st.one_of(
        st.builds(Ask, command("web"), mostly([ADMIN, SHOP, *of_web], MARKET), KEYS, which),
        st.builds(Ask, command("market"), st.just(MARKET), st.sampled_from(LONG), which),
    )


HOLDS = requested(
    lambda channel: st.builds(
        CreateReservation,
        st.just(channel),
        LINES,
        ttl_seconds=st.sampled_from([30, 900]),
        external_reference=st.sampled_from([None, None, "basket-1", "basket-2"]),
    ),
    *PASSERS_BY,
)
RELEASES = requested(lambda _: st.just(ReleaseReservation(NOBODYS)), *PASSERS_BY, which=WHICH)


def orders(may_wait: st.SearchStrategy[bool]) -> st.SearchStrategy[Ask]:
    """Orders with few references, so that some exist already."""
    references = st.sampled_from([f"W-{n}" for n in range(9)])
    return requested(
        lambda channel: st.builds(
            PlaceOrder, st.just(channel), references, GOODS, backorder=may_wait
        ),
        which=st.none() | WHICH,
    )


ADJUSTMENTS = st.builds(
    Ask,
    st.builds(
        AdjustStock,
        st.sampled_from(PLACES),
        mostly(SKUS, "no such"),
        st.sampled_from([-9, -4, -2, -1, 1, 3, 0]),
        mostly(["COUNT"], "no such"),
        change_from_quantity=st.sampled_from([None, None, 3, 4, 5]),
    ),
    st.sampled_from([ADMIN, CLERK, CLERK, LEEDS]),
    KEYS,
)
ACTIONS: dict[str, Action[Any]] = {
    "hold": workflows.reservations.reservations.create,
    "release": workflows.reservations.reservations.release,
    "place": workflows.orders.placement.place,
    "adjust": workflows.stock.adjustments.adjust,
}
ASKS = {
    "hold": HOLDS,
    "release": RELEASES,
    "place": orders(st.just(False)),
    "adjust": ADJUSTMENTS,
}
STEPS = st.sampled_from(["hold", "hold", "release", "place", "adjust"]).flatmap(
    lambda name: st.tuples(
        st.just(name), st.lists(ASKS[name], min_size=1, max_size=7), st.sampled_from([0, 0, 60])
    )
)
# Only in the last step: backorders are served once per transaction, after all its commands.
LAST = st.lists(orders(st.booleans()), max_size=7)
Step = tuple[str, list[Ask], int]


@dataclass
class World:
    """A store, and stable names for the objects created in it."""

    shop: Shop
    holds: list[UUID] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def request(self, ask: Ask, taken: Sequence[UUID]) -> Request[Any]:
        """The request to send; `taken` are the holds that existed before the step."""
        command = ask.command
        if ask.which is not None:
            known = taken[ask.which % len(taken)] if taken else NOBODYS
            if isinstance(command, PlaceOrder):
                command = replace(command, reservation_id=known)
            else:
                command = ReleaseReservation(known)
        return Request(command, ask.caller, ask.key)

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Name the objects created in a step, in the order of their requests."""
        for outcome in outcomes:
            for kind, ref in outcome.refs.items():
                if kind in ("reservation", "order") and ref not in self.names:
                    name, number = f"{kind} {len(self.names)}", number_of(UUID(ref))
                    self.names |= {ref: name, number: f"number of {name}"}
                    self.names[comparison_key(number)] = f"key of {name}"
                    if kind == "reservation":
                        self.holds.append(UUID(ref))

    def as_text(self, value: object) -> str:
        """A value as text, with ids replaced by names that are equal in both worlds."""
        text = json.dumps(value, default=str, sort_keys=True)
        for found, name in self.names.items():
            text = text.replace(found, name)
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "an id", text)


async def one_transaction(world: World, name: str, requests: list[Request[Any]]) -> list[Outcome]:
    """Send all requests at once, as the commit queue does with requests that queued during a
    commit."""
    transactions = world.shop.transactions
    return await transactions.perform_all(ACTIONS[name], requests)


async def one_by_one(world: World, name: str, requests: list[Request[Any]]) -> list[Outcome]:
    """Send each request after the answer to the one before.

    A refusal such as INVALID or NOT_FOUND does not store its key. A request with such a key and
    other arguments goes last, as in a batch, which cannot know the refusal beforehand.
    """
    outcomes: dict[int, Outcome] = {}
    free: dict[tuple[str, str], Request[Any]] = {}
    later = []
    for index, request in enumerate(requests):
        key = (request.caller.actor, request.key or "")
        if free.get(key, request).command != request.command:
            later.append(index)
            continue
        outcomes[index] = await world.shop.transactions.perform(ACTIONS[name], request)
        if request.key is not None and not outcomes[index].is_stored:
            free.setdefault(key, request)
    assume(len(later) < 2)  # these run concurrently, in any order
    for index in later:
        outcomes[index] = await world.shop.transactions.perform(ACTIONS[name], requests[index])
    return [outcomes[index] for index in range(len(requests))]


async def lived(url: str, steps: Sequence[Step], serve: Any) -> tuple[list[str], dict[str, Any]]:
    """Outcomes of all requests, and the final contents of the tables."""
    database = Database(url)
    await database.open()
    try:
        world = World(await open_shop(database, safety_buffer=1))
        rules = {"protected": [{"channel": "web", "category": "coats", "units": 2}]}
        await world.shop.publish(PolicyKind.ROUTING, rules)
        for units, sku in ((4, "TEE-S"), (6, "TEE-M"), (5, "COAT")):
            await world.shop.receive(units, sku, "LEEDS")
            await world.shop.receive(3, sku, "YORK")
        as_text = []
        for name, asks, pause in steps:
            requests = [world.request(ask, world.holds[:]) for ask in asks]
            outcomes = await serve(world, name, requests)
            world.note(outcomes)
            as_text += [
                world.as_text([each.refs, each.refusals, each.replayed])
                for each in (_without_movements(outcome) for outcome in outcomes)
            ]
            world.shop.clock.forward(seconds=pause)
        assert await faults(database) == []
        return as_text, {table: await _content(world, table) for table in TABLES}
    finally:
        await database.close()


def _without_movements(outcome: Outcome) -> Any:
    refs = {kind: ref for kind, ref in outcome.refs.items() if kind != "movements"}
    facts = [(each.code, each.field, each.message, each.details) for each in outcome.refusals]
    return type("Told", (), {"refs": refs, "refusals": facts, "replayed": outcome.replayed})


# Columns that differ only with the transaction of a row, or with the number of transactions.
APART = {"id", "transaction_id", "digest", "content_digest"}
TABLES = {
    "stock_level": {"version"},
    "stock_movement": APART,
    "item_cost": {"id"},
    "reservation": set[str](),
    "reservation_line": {"id"},
    "sales_order": set[str](),
    "order_line": {"id"},
    "order_payment": {"id"},
    "fulfillment": {"id"},
    "fulfillment_line": {"id"},
    "journal_entry": APART,
    "journal_line": {"id"},
    "idempotency_key": {"id", "arguments_hash"},
    "audit_entry": APART,
    "event": APART,
    "task": {"id"},
    "operational_exception": {"id"},
}


async def _content(world: World, table: str) -> list[str]:
    where = " WHERE type <> 'stock.changed'" if table == "event" else ""
    found = await rows(world.shop.database, f"SELECT * FROM {table}{where}")
    kept = [{name: row[name] for name in row if name not in TABLES[table]} for row in found]
    return sorted(world.as_text(row) for row in kept)


def test_a_batch_ends_as_its_commands_one_by_one(fresh_database: Databases, engine: str) -> None:
    """Holds, releases, orders, adjustments; several callers; keys new, repeated and reused."""

    @settings(
        max_examples=EXAMPLES if engine == "sqlite" else EXAMPLES // 2,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEPS, min_size=3, max_size=8), LAST)
    def proven(steps: list[Step], last: list[Ask]) -> None:
        steps = [*steps, ("place", last, 0)]
        ends = []
        for serve in (one_transaction, one_by_one):
            url = fresh_database()
            ends.append(asyncio.run(lived(url, steps, serve)))
            fresh_database.give_back(url)
        at_once, in_turn = ends
        assert at_once[0] == in_turn[0]
        assert at_once[1] == in_turn[1]

    proven()
