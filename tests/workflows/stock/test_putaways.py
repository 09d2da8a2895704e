"""Put-aways and receipts into bins; the bins that units leave; PUTAWAY tasks."""

from __future__ import annotations

from typing import Any

import pytest

import models.queries.stock.bins as bin_queries
import workflows.catalog.locations
import workflows.tasks.claims
from domain.access.callers import Role, holder
from domain.stock.states import LocationKind
from domain.tasks import QueueKind
from models.database.database import Database
from tests.builders.catalog import a_location
from tests.builders.floor.bins import PORTER, Floor, open_floor
from tests.builders.transactions import codes, counts, events, rows
from workflows.ledger.reconciliation import reconcile
from workflows.tasks.claims import ClaimTasks
from workflows.transactions.outcomes import Request
from workflows.transactions.transaction import Transaction

TABLES = ("bin_stock", "bin_movement", "event", "audit_entry", "task")
OTHER = holder(Role.WAREHOUSE, actor="otto")


@pytest.fixture
async def floor(database: Database) -> Floor:
    return await open_floor(database)


async def test_received_units_wait_until_they_are_put_away(floor: Floor) -> None:
    await floor.shop.receive(10)
    assert await floor.bins() == {"": 10}
    assert await floor.tasks() == [("TEE-M", "OPEN", None)]
    assert not (await floor.put_away(("TEE-M", 4, "A-2"))).refusals
    assert await floor.bins() == {"": 6, "A-2": 4}
    assert await floor.tasks() == [("TEE-M", "CLAIMED", "pia")]
    done = await floor.put_away(("TEE-M", 6, "B-1"), ("TEE-M", 1, "A-10", "A-2"))
    assert not done.refusals
    assert await floor.bins() == {"A-2": 3, "B-1": 6, "A-10": 1}
    assert await floor.tasks() == [("TEE-M", "DONE", "pia")]
    assert await floor.shop.level() == {"available": 10}
    assert await reconcile(floor.database) == []


async def test_a_put_away_is_an_event_of_its_level(floor: Floor) -> None:
    await floor.shop.receive(5)
    outcome = await floor.put_away(("TEE-M", 2, "A-2"), ("TEE-M", 1, "B-1", "A-2"))
    [event] = await events(floor.database, "stock.put_away")
    assert event["data"] == {
        "sku": "TEE-M",
        "location": "LEEDS",
        "moves": [
            {"fromBin": None, "toBin": "A-2", "quantity": 2},
            {"fromBin": "A-2", "toBin": "B-1", "quantity": 1},
        ],
        "unbinned": 3,
    }
    changed = (await events(floor.database, "stock.changed"))[-1]
    assert changed["subject_version"] == event["subject_version"]
    assert (changed["data"]["binned"], changed["data"]["cause"]) == (2, "MOVED")
    [level] = await rows(floor.database, "SELECT id, version FROM stock_level")
    assert outcome.refs == {"levels": [level["id"]], "movements": []}
    assert level["version"] == event["subject_version"]


async def test_units_can_be_received_into_a_bin(floor: Floor) -> None:
    assert not (await floor.receive_into(3, "A-2")).refusals
    assert await floor.bins() == {"A-2": 3}
    assert await floor.tasks() == []
    assert codes(await floor.receive_into(1, "NOWHERE")) == [
        ("NOT_FOUND", ("input", "lines", "0", "binCode"))
    ]
    assert codes(await floor.receive_into(1, "A")) == [
        ("INVALID", ("input", "lines", "0", "binCode"))
    ]
    assert await reconcile(floor.database) == []


async def test_units_leave_bins_in_walk_order_and_then_the_unbinned(floor: Floor) -> None:
    """B-1 is first on the walk; A-2 comes before A-10; those without a bin come last."""
    await floor.shop.receive(10)
    await floor.put_away(("TEE-M", 2, "A-10"), ("TEE-M", 3, "A-2"), ("TEE-M", 1, "B-1"))
    assert not (await floor.shop.adjust(-2)).refusals  # 1 of B-1, 1 of A-2
    assert await floor.bins() == {"A-2": 2, "A-10": 2, "": 4}
    assert not (await floor.shop.move(3, "AVAILABLE", "QUARANTINE")).refusals
    assert await floor.bins() == {"A-10": 1, "": 4}
    order = await floor.shop.place(("TEE-M", 4))
    assert await floor.bins() == {"A-10": 1, "": 4}  # an order takes nothing off the shelf
    [parcel] = await floor.shop.fulfillments(order)
    assert not (await floor.shop.ship(parcel["id"])).refusals
    assert await floor.bins() == {"": 1}
    assert not (await floor.shop.move(3, "QUARANTINE", "AVAILABLE")).refusals
    assert await floor.bins() == {"": 4}  # what comes back is unbinned
    assert await reconcile(floor.database) == []


async def test_holds_and_orders_leave_the_bins_as_they_are(floor: Floor) -> None:
    await floor.shop.receive(6)
    await floor.put_away(("TEE-M", 4, "A-2"))
    before = await counts(floor.database, "bin_movement")
    held = await floor.shop.hold(("TEE-M", 2))
    order = await floor.shop.place(("TEE-M", 2), hold=held)
    await floor.shop.cancel(order)
    assert await counts(floor.database, "bin_movement") == before
    assert await floor.bins() == {"A-2": 4, "": 2}


async def test_picked_units_are_off_the_shelf(floor: Floor) -> None:
    """A named bin is emptied first; then the rule of the walk holds, beyond the bin's books too."""
    await floor.receive_into(3, "A-2")
    await floor.receive_into(2, "B-1")
    await floor.shop.place(("TEE-M", 5))

    [item] = await rows(floor.database, "SELECT id FROM item WHERE sku = 'TEE-M'")

    async def pick(tx: Transaction) -> None:
        await tx.stock.lock([item["id"]])
        [level] = tx.stock.of_item(item["id"])
        await tx.stock.read_bins([level])
        bins = await bin_queries.hold_bins(tx.session, ["a-2"])
        tx.stock.pick(level, 4, "pia", bins["A-2"])
        assert (level.picked, level.shelf, level.unbinned) == (4, 1, 0)
        tx.stock.pick(level, -1, "pia")
        assert (level.picked, level.shelf, level.unbinned) == (3, 2, 1)

    await floor.shop.transactions.run(pick)
    assert await floor.bins() == {"B-1": 1, "": 1}


def _line(**changes: Any) -> tuple[str, int, str, str]:
    line = {"sku": "TEE-M", "units": 1, "into": "A-2", "source": None, **changes}
    return tuple(line.values())


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        (_line(sku="NONE"), "NOT_FOUND", "sku"),
        (_line(units=0), "INVALID", "quantity"),
        (_line(units=6), "INSUFFICIENT_STOCK", "quantity"),
        (_line(sku="COAT"), "INSUFFICIENT_STOCK", "quantity"),
        (_line(into="NONE"), "NOT_FOUND", "binCode"),
        (_line(into="A"), "INVALID", "binCode"),
        (_line(into="Y-1"), "NOT_FOUND", "binCode"),
        (_line(into="SHUT"), "INVALID", "binCode"),
        (_line(source="A-2"), "INVALID", "binCode"),
        (_line(source="NONE"), "NOT_FOUND", "fromBinCode"),
        (_line(source="B-1"), "INSUFFICIENT_STOCK", "quantity"),
    ],
)
async def test_a_faulty_line_is_refused_and_nothing_is_done(
    floor: Floor, line: tuple[str, int, str, str], code: str, field: str
) -> None:
    await floor.bin("Y-1", "YORK")
    await floor.bin("SHUT", active=False)
    await floor.shop.receive(5)
    before = await counts(floor.database, *TABLES)
    outcome = await floor.put_away(("TEE-M", 1, "A-2"), line, ("TEE-M", 1, "A-10"))
    assert codes(outcome) == [(code, ("input", "lines", "1", field))]
    assert await counts(floor.database, *TABLES) == before
    assert await floor.bins() == {"": 5}


async def test_all_faults_are_reported_at_once(floor: Floor) -> None:
    await floor.shop.receive(5)
    outcome = await floor.put_away(_line(sku="NONE"), _line(into="NONE"), _line(units=-1))
    assert [field[2] for _, field in codes(outcome)] == ["0", "1", "2"]
    many = [("TEE-M", 1, "A-2")] * 201
    [refusal] = (await floor.put_away(*many)).refusals
    assert (refusal.code, refusal.field) == ("LIMIT_EXCEEDED", ("input", "lines"))
    assert refusal.details == {"limit": "lines", "allowed": 200, "requested": 201}
    assert codes(await floor.put_away()) == [("INVALID", ("input", "lines"))]


async def test_the_units_of_another_workers_task_are_not_put_away(floor: Floor) -> None:
    await floor.shop.receive(5)
    claim = ClaimTasks(QueueKind.PUTAWAY, "LEEDS")
    claimed = await floor.shop.transactions.perform(
        workflows.tasks.claims.claim, Request(claim, OTHER)
    )
    assert len(claimed.refs["tasks"]) == 1
    refused = await floor.put_away(("TEE-M", 5, "A-2"))
    assert codes(refused) == [("TASK_NOT_CLAIMED", ("input", "lines", "0", "sku"))]
    assert await floor.bins() == {"": 5}
    assert not (await floor.put_away(("TEE-M", 5, "A-2"), by=OTHER)).refusals
    # Moving between bins is not the work of the task.
    assert not (await floor.put_away(("TEE-M", 1, "B-1", "A-2"), by=PORTER)).refusals
    assert await floor.tasks() == [("TEE-M", "DONE", "otto")]


async def test_the_task_ends_when_no_unit_is_left_to_put_away(floor: Floor) -> None:
    await floor.shop.receive(2)
    await floor.shop.receive(2, at="YORK")
    assert await floor.tasks() == [("TEE-M", "OPEN", None)]  # YORK has no bins
    assert not (await floor.shop.adjust(-2)).refusals
    assert await floor.tasks() == [("TEE-M", "CANCELLED", None)]
    await floor.shop.receive(1)
    assert [status for _, status, _ in await floor.tasks()] == ["CANCELLED", "OPEN"]


async def test_tasks_follow_the_first_and_the_last_bin(floor: Floor) -> None:
    await floor.shop.receive(2, at="YORK")
    await floor.shop.receive(2, "COAT", at="YORK")
    assert await floor.tasks() == []
    assert not (await floor.bin("Y-1", "YORK")).refusals
    assert await floor.tasks() == [("COAT", "OPEN", None), ("TEE-M", "OPEN", None)]
    await floor.go_round()
    assert len(await floor.tasks()) == 2
    assert not (await floor.bin("Y-1", "YORK", active=False)).refusals
    await floor.go_round()
    assert [status for _, status, _ in await floor.tasks()] == ["CANCELLED", "CANCELLED"]
    assert await reconcile(floor.database) == []


async def test_a_bin_with_units_is_not_closed_or_moved(floor: Floor) -> None:
    await floor.receive_into(2, "A-2")
    for facts, field in (
        ({"active": False}, "active"),
        ({"parent": "LEEDS"}, "parentCode"),
        ({"kind": LocationKind.ZONE}, "kind"),
    ):
        before = await counts(floor.database, "event", "audit_entry")
        outcome = await floor.bin("A-2", **facts)
        assert codes(outcome) == [("INVALID", ("input", field))]
        assert outcome.refusals[0].details == {"units": 2}
        assert await counts(floor.database, "event", "audit_entry") == before
    assert not (await floor.bin("A-10", active=False)).refusals
    assert not (await floor.put_away(("TEE-M", 2, "B-1", "A-2"))).refusals
    assert not (await floor.bin("A-2", "LEEDS", active=False)).refusals


async def test_a_zone_with_units_stays_in_its_location(floor: Floor) -> None:
    await floor.receive_into(2, "A-2")
    upsert = workflows.catalog.locations.upsert

    async def zone(parent: str) -> list[tuple[str, tuple[str, ...]]]:
        command = a_location("A", kind=LocationKind.ZONE, parent_code=parent)
        return codes(await floor.shop.transactions.perform(upsert, command))

    other = a_location("B", kind=LocationKind.ZONE, parent_code="LEEDS")
    assert not (await floor.shop.transactions.perform(upsert, other)).refusals
    assert await zone("B") == []
    assert await zone("YORK") == [("INVALID", ("input", "parentCode"))]
    assert await floor.shop.level() == {"available": 2}
    await floor.shop.adjust(-2)
    assert await zone("YORK") == []
