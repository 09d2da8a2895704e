"""Two shops with the same script: LIVE in every scope changes nothing, SHADOW what OFF changes.

All tables with facts are compared, without ids and times. The names of the modes stand in reasons
and in stored routing decisions, so these are compared with the name of the mode taken out.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.refunds import RefundDesk, open_refund_desk
from tests.builders.store import pounds
from tests.builders.transactions import rows
from tests.databases import Databases
from tests.workflows.rollout.rollouts import order, switched
from workflows.ledger.reconciliation import reconcile
from workflows.orders.commands import Payment
from workflows.transactions.outcomes import Outcome

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
DOMAINS = ("ROUTING", "RETURNS", "DISPOSITIONS", "REFUNDS")
GRADES = ("NEW", "USED", "DAMAGED", "COUNTERFEIT")
FAST = {"maxRisk": 1.0, "reasons": ["*"]}
# What happened, without ids and times.
FACTS = (
    "SELECT l.code, i.sku, s.available, s.held, s.allocated, s.quality_control, s.quarantine"
    " FROM stock_level s JOIN item i ON i.id = s.item_id JOIN location l ON l.id = s.location_id"
    " ORDER BY l.code, i.sku",
    "SELECT external_reference, status, routing FROM sales_order ORDER BY external_reference",
    "SELECT o.external_reference, r.status, r.verdict, r.decision, r.authorized_by"
    " FROM customer_return r JOIN sales_order o ON o.id = r.order_id"
    " ORDER BY o.external_reference, r.status",
    "SELECT o.external_reference, t.position, t.quantity, t.state, t.condition, t.disposition"
    " FROM return_item t JOIN customer_return r ON r.id = t.return_id"
    " JOIN sales_order o ON o.id = r.order_id ORDER BY o.external_reference, t.position",
    "SELECT o.external_reference, f.status, f.amount_minor, f.approvals_required, f.decision"
    " FROM refund f JOIN sales_order o ON o.id = f.order_id"
    " ORDER BY o.external_reference, f.amount_minor, f.status",
    "SELECT disposition, quantity, decided_by FROM disposition_step"
    " ORDER BY disposition, quantity, decided_by",
    "SELECT account, SUM(debit_minor) AS debit, SUM(credit_minor) AS credit FROM journal_line"
    " GROUP BY account ORDER BY account",
    "SELECT type, COUNT(*) AS number FROM event WHERE type NOT LIKE 'policy.%' GROUP BY type"
    " ORDER BY type",
)

Step = tuple[Any, ...]
_WHICH = st.integers(0, 99)
STEPS = st.one_of(
    st.tuples(st.just("sell"), st.integers(1, 4), st.sampled_from((None, "LEEDS", "YORK"))),
    st.tuples(st.just("ask"), _WHICH, st.integers(1, 3)),
    st.tuples(st.just("authorize"), _WHICH),
    st.tuples(st.just("decline"), _WHICH),
    st.tuples(st.just("receive"), _WHICH),
    st.tuples(st.just("inspect"), _WHICH, st.sampled_from(GRADES)),
    st.tuples(st.just("dispose"), _WHICH, st.sampled_from(("RESTOCK", "SCRAP", "QUARANTINE"))),
    st.tuples(st.just("approve"), _WHICH),
    st.tuples(st.just("hold"), st.integers(1, 3)),
)


@dataclass
class World:
    """A shop that follows a script. Refusals are part of its history."""

    desk: RefundDesk
    orders: list[Outcome] = field(default_factory=list)
    returns: list[Outcome] = field(default_factory=list)
    refusals: list[tuple[str, ...]] = field(default_factory=list)

    async def follow(self, step: Step) -> None:
        kind, *facts = step
        outcome = await getattr(self, kind)(*facts)
        if outcome is not None:
            self.refusals.append((kind, *(each.code for each in outcome.refusals)))

    async def sell(self, units: int, place: str | None) -> Outcome:
        shop, number = self.desk.shop, len(self.orders)
        paid = (Payment(f"card-{number}", pounds(f"{units * 10}.00")),)
        sold = await order(shop, ("TEE-M", units, place), reference=f"W-{number}", payments=paid)
        if not sold.refusals:
            self.orders.append(sold)
            for parcel in await shop.fulfillments(sold):
                assert not (await shop.ship(parcel["id"])).refusals
        return sold

    async def hold(self, units: int) -> Outcome:
        return await self.desk.shop.hold(("TEE-M", units))

    async def ask(self, which: int, units: int) -> Outcome | None:
        if not self.orders:
            return None
        asked = self.orders[which % len(self.orders)]
        outcome = await self.desk.desk.request(asked, ("TEE-M", units))
        if not outcome.refusals:
            self.returns.append(outcome)
        return outcome

    def _return(self, which: int) -> Outcome | None:
        return self.returns[which % len(self.returns)] if self.returns else None

    async def authorize(self, which: int) -> Outcome | None:
        found = self._return(which)
        return None if found is None else await self.desk.desk.authorize(found)

    async def decline(self, which: int) -> Outcome | None:
        found = self._return(which)
        return None if found is None else await self.desk.desk.decline(found)

    async def receive(self, which: int) -> Outcome | None:
        found = self._return(which)
        if found is None:
            return None
        return await self.desk.desk.receive(found, ("TEE-M", 1))

    async def inspect(self, which: int, grade: str) -> Outcome | None:
        group = await self._group("RECEIVED")
        if group is None:
            return None
        a_return = Outcome(refs={"return": str(group["return_id"])})
        return await self.desk.desk.inspect(a_return, (group["id"], 1, grade))

    async def dispose(self, which: int, disposition: str) -> Outcome | None:
        group = await self._group("INSPECTED")
        return None if group is None else await self.desk.desk.dispose(group["id"], 1, disposition)

    async def _group(self, state: str) -> dict[str, Any] | None:
        found = await rows(
            self.desk.database,
            "SELECT t.id, t.return_id FROM return_item t JOIN customer_return r"
            " ON r.id = t.return_id JOIN sales_order o ON o.id = r.order_id WHERE t.state = $1"
            " ORDER BY o.external_reference, t.position LIMIT 1",
            state,
        )
        return found[0] if found else None

    async def approve(self, which: int) -> Outcome | None:
        waiting = [row for row in await self.desk.refunds() if row["status"] == "NEEDS_APPROVAL"]
        if not waiting:
            return None
        return await self.desk.approve(waiting[which % len(waiting)])

    async def history(self) -> tuple[Any, ...]:
        """All facts of the shop, and its refusals, with the name of a mode taken out."""
        assert await reconcile(self.desk.database) == []
        facts = [await rows(self.desk.database, sql) for sql in FACTS]
        text = str(facts).replace("SHADOW", "MODE").replace("OFF", "MODE")
        return self.refusals, text


async def history_of(fresh: Databases, script: list[Step], modes: dict[str, str]) -> Any:
    """The history of a shop that followed this script, with these modes in every scope."""
    database = Database(fresh())
    await database.open()
    try:
        world = World(await open_refund_desk(database))
        shop = world.desk.shop
        await shop.receive(10, "TEE-M", "YORK")
        await shop.publish(
            PolicyKind.ROUTING, {"order": ["preference"], "preference": ["YORK", "LEEDS"]}
        )
        await shop.publish(PolicyKind.RETURN, {"window": "P30D", "fastLane": FAST}, "channel:web")
        scopes = ("global", "channel:web", "location:LEEDS", "channel:web,location:YORK")
        for scope in scopes if modes else ():
            await switched(shop, scope, **modes)
        for _ in range(0 if modes else len(scopes)):
            shop.clock.forward(seconds=1)
        for step in script:
            await world.follow(step)
        return await world.history()
    finally:
        await database.close()
        fresh.give_back(database.url)


def test_live_changes_nothing_and_shadow_what_off_changes(fresh_database: Databases) -> None:
    @settings(
        max_examples=100 if IS_LONG else 4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEPS, min_size=8, max_size=40 if IS_LONG else 20))
    def alike(script: list[Step]) -> None:
        script = [("sell", 3, None), ("ask", 0, 2), *script]
        plain, live, off, shadow = (
            asyncio.run(history_of(fresh_database, script, modes))
            for modes in (
                {},
                dict.fromkeys(DOMAINS, "LIVE"),
                dict.fromkeys(DOMAINS, "OFF"),
                dict.fromkeys(DOMAINS, "SHADOW"),
            )
        )
        assert plain == live
        assert off == shadow

    alike()
