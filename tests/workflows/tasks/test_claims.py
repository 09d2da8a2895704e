"""Tasks: created by events, claimed by one worker, released by the clock, ended by their work."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

import workflows.tasks.claims as task_claims
from domain.access.callers import Caller, Role, holder
from models.database.database import Database
from tests.builders.store import ADMIN
from tests.builders.transactions import MORNING, codes, counts, events
from tests.builders.warehouse import ANN, BEN, SUE, Warehouse, open_warehouse

YORKER = holder(Role.WAREHOUSE, actor="yan", locations=frozenset({"YORK"}))
MARKETER = holder(Role.WAREHOUSE, actor="mel", channels=frozenset({"market"}))


@pytest.fixture
async def warehouse(database: Database) -> Warehouse:
    warehouse = await open_warehouse(database)
    await warehouse.shop.receive(20)
    return warehouse


async def a_parcel(warehouse: Warehouse, reference: str = "W-1", **facts: Any) -> str:
    placed = await warehouse.shop.place(("TEE-M", 2), reference=reference, **facts)
    assert not placed.refusals
    [parcel] = await warehouse.shop.fulfillments(placed)
    return str(parcel["id"])


async def done_by(warehouse: Warehouse, queue: str) -> str:
    [actor] = [task["claimed_by"] for task in await warehouse.tasks() if task["queue"] == queue]
    return str(actor)


async def test_each_step_ends_one_task_and_makes_the_next(warehouse: Warehouse) -> None:
    parcel = await a_parcel(warehouse)
    assert await warehouse.live() == [("PICK", "OPEN", None)]
    assert not (await warehouse.pick(parcel)).refusals
    assert await warehouse.live() == [("PACK", "OPEN", None)]
    assert not (await warehouse.pack(parcel, BEN)).refusals
    assert await warehouse.live() == [("SHIP", "OPEN", None)]
    assert not (await warehouse.shop.ship(parcel)).refusals
    assert await warehouse.live() == []
    done = [(row["queue"], row["status"], row["claimed_by"]) for row in await warehouse.tasks()]
    assert sorted(done) == [
        ("PACK", "DONE", "ben"),
        ("PICK", "DONE", "ann"),
        ("SHIP", "DONE", "ada"),
    ]


async def test_a_task_says_where_why_and_until_when(warehouse: Warehouse) -> None:
    parcel = await a_parcel(warehouse)
    [task] = await warehouse.tasks()
    assert (task["location"], task["subject_type"], task["subject_key"]) == (
        "LEEDS",
        "Fulfillment",
        parcel,
    )
    assert task["due_at"] == MORNING.replace(hour=23, minute=59, second=59, microsecond=999_999)
    assert task["priority_reasons"] == [
        "Promised to ship by 2026-03-02 23:59 UTC.",
        "STANDARD service.",
    ]


async def test_the_most_urgent_comes_first_then_the_oldest(warehouse: Warehouse) -> None:
    first = await a_parcel(warehouse, "W-1")
    warehouse.shop.clock.forward(seconds=1)
    second = await a_parcel(warehouse, "W-2")
    warehouse.shop.clock.forward(seconds=1)
    express = await a_parcel(warehouse, "W-3", service_level="EXPRESS")
    claimed = await warehouse.claim(limit=3)
    by_id = {str(task["id"]): task["subject_key"] for task in await warehouse.tasks()}
    assert [by_id[each] for each in claimed.refs["tasks"]] == [express, first, second]


async def test_shipping_an_open_fulfillment_does_its_picking(warehouse: Warehouse) -> None:
    parcel = await a_parcel(warehouse)
    assert not (await warehouse.shop.ship(parcel)).refusals
    assert [(t["queue"], t["status"]) for t in await warehouse.tasks()] == [("PICK", "DONE")]


async def test_a_claim_goes_to_one_worker_for_ten_minutes(warehouse: Warehouse) -> None:
    await a_parcel(warehouse)
    claimed = await warehouse.claim()
    [task] = await warehouse.tasks()
    assert claimed.refs["tasks"] == [str(task["id"])]
    assert (task["status"], task["claimed_by"]) == ("CLAIMED", "ann")
    assert task["lease_until_at"] == MORNING + timedelta(minutes=10)
    assert (await warehouse.claim(by=BEN)).refs["tasks"] == []


async def test_a_lost_tablets_tasks_come_back_by_the_clock(warehouse: Warehouse) -> None:
    parcel = await a_parcel(warehouse)
    await warehouse.claim()
    warehouse.shop.clock.forward(minutes=9, seconds=59)
    assert (await warehouse.claim(by=BEN)).refs["tasks"] == []
    warehouse.shop.clock.forward(seconds=1)
    assert len((await warehouse.claim(by=BEN)).refs["tasks"]) == 1
    assert codes(await warehouse.pick(parcel)) == [("TASK_NOT_CLAIMED", ("fulfillmentId",))]
    assert not (await warehouse.pick(parcel, by=BEN)).refusals


async def test_the_job_records_expired_claims(warehouse: Warehouse) -> None:
    await a_parcel(warehouse)
    await warehouse.claim()
    assert await warehouse.shop.transactions.run(task_claims.release_expired) == 0
    warehouse.shop.clock.forward(minutes=10)
    assert await warehouse.shop.transactions.run(task_claims.release_expired) == 1
    assert await warehouse.live() == [("PICK", "OPEN", None)]
    assert [e["type"] for e in await events(warehouse.database, "task.")] == [
        "task.created",
        "task.claimed",
        "task.released",
    ]


async def test_renewing_keeps_a_task(warehouse: Warehouse) -> None:
    await a_parcel(warehouse)
    [task_id] = (await warehouse.claim()).refs["tasks"]
    warehouse.shop.clock.forward(minutes=9)
    assert not (await warehouse.renew(task_id)).refusals
    warehouse.shop.clock.forward(minutes=9)
    assert (await warehouse.claim(by=BEN)).refs["tasks"] == []
    [task] = await warehouse.tasks()
    assert task["lease_until_at"] == MORNING + timedelta(minutes=19)


async def test_work_on_an_unclaimed_task_ends_it(warehouse: Warehouse) -> None:
    parcel = await a_parcel(warehouse)
    assert not (await warehouse.pick(parcel, by=BEN)).refusals
    assert await done_by(warehouse, "PICK") == "ben"


async def test_what_another_holds_is_refused_and_nothing_changes(warehouse: Warehouse) -> None:
    parcel = await a_parcel(warehouse)
    await warehouse.claim()
    tables = ("event", "stock_movement", "audit_entry", "task")
    before = await counts(warehouse.database, *tables)
    assert codes(await warehouse.pick(parcel, by=BEN)) == [("TASK_NOT_CLAIMED", ("fulfillmentId",))]
    assert codes(await warehouse.shop.ship(parcel, BEN)) == [
        ("TASK_NOT_CLAIMED", ("input", "fulfillmentId"))
    ]
    assert await counts(warehouse.database, *tables) == before
    assert await warehouse.live() == [("PICK", "CLAIMED", "ann")]


@pytest.mark.parametrize("boss", [SUE, ADMIN])
async def test_a_supervisor_may_override_and_it_is_written_down(
    warehouse: Warehouse, boss: Caller
) -> None:
    parcel = await a_parcel(warehouse)
    await warehouse.claim()
    assert not (await warehouse.pick(parcel, by=boss)).refusals
    [override] = await warehouse.audits("task.overridden")
    assert override["actor"] == boss.actor
    assert override["before"]["claimedBy"] == "ann"
    assert await done_by(warehouse, "PICK") == boss.actor


async def test_cancelling_calls_the_work_off(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 2))
    await warehouse.claim()
    await warehouse.shop.cancel(placed)
    [task] = await warehouse.tasks()
    assert (task["status"], task["claimed_by"]) == ("CANCELLED", "ann")


async def test_a_smaller_parcel_keeps_its_task_and_says_so(warehouse: Warehouse) -> None:
    placed = await warehouse.shop.place(("TEE-M", 2))
    [line] = await warehouse.shop.lines(placed)
    await warehouse.shop.cancel(placed, (line["id"], 1))
    assert await warehouse.live() == [("PICK", "OPEN", None)]
    [changed] = await events(warehouse.database, "task.changed")
    assert changed["subject_version"] == 2


async def test_a_step_of_each_task_state(warehouse: Warehouse) -> None:
    """Every pair of a state and an action: claim by id, renew, release, by the holder and by
    another."""
    illegal, taken = "ILLEGAL_TRANSITION", "TASK_NOT_CLAIMED"
    expected: dict[tuple[str, str, str], str | None] = {
        ("OPEN", "claim", "ann"): None,
        ("OPEN", "renew", "ann"): None,
        ("OPEN", "release", "ann"): illegal,
        ("CLAIMED", "claim", "ann"): None,
        ("CLAIMED", "renew", "ann"): None,
        ("CLAIMED", "release", "ann"): None,
        ("CLAIMED", "claim", "ben"): taken,
        ("CLAIMED", "renew", "ben"): taken,
        ("CLAIMED", "release", "ben"): taken,
        ("CLAIMED", "claim", "sue"): None,
        ("CLAIMED", "renew", "sue"): None,
        ("CLAIMED", "release", "sue"): None,
        ("LAPSED", "claim", "ben"): None,
        ("LAPSED", "renew", "ben"): None,
        ("LAPSED", "release", "ben"): illegal,
        ("LAPSED", "release", "ann"): illegal,
        **{("DONE", act, "ann"): illegal for act in ("claim", "renew", "release")},
        **{("CANCELLED", act, "ann"): illegal for act in ("claim", "renew", "release")},
    }
    people = {"ann": ANN, "ben": BEN, "sue": SUE}
    for number, ((state, act, actor), code) in enumerate(expected.items()):
        placed = await warehouse.shop.place(("TEE-M", 1), reference=f"S-{number}")
        [parcel] = await warehouse.shop.fulfillments(placed)
        [task] = [t for t in await warehouse.tasks(parcel["id"]) if t["queue"] == "PICK"]
        if state in ("CLAIMED", "LAPSED"):
            assert not (await warehouse.claim(ids=[task["id"]])).refusals
        if state == "LAPSED":
            warehouse.shop.clock.forward(minutes=10)
        if state == "DONE":
            await warehouse.pick(parcel["id"])
        if state == "CANCELLED":
            await warehouse.shop.cancel(placed)
        do = {
            "claim": lambda t, by: warehouse.claim(ids=[t], by=by),
            "renew": warehouse.renew,
            "release": warehouse.release,
        }
        outcome = await do[act](task["id"], people[actor])
        where = ("ids", "0") if act == "claim" else ("id",)
        assert codes(outcome) == ([] if code is None else [(code, where)]), (state, act, actor)
        await warehouse.shop.cancel(placed)


async def test_named_tasks_stand_each_on_its_own(warehouse: Warehouse) -> None:
    first, second = await a_parcel(warehouse, "W-1"), await a_parcel(warehouse, "W-2")
    ids = {t["subject_key"]: t["id"] for t in await warehouse.tasks()}
    await warehouse.claim(by=BEN, ids=[ids[first]])
    claimed = await warehouse.claim(ids=[ids[first], ids[second], first])
    assert claimed.refs["tasks"] == [str(ids[second])]
    assert codes(claimed) == [("TASK_NOT_CLAIMED", ("ids", "0")), ("NOT_FOUND", ("ids", "2"))]
    assert codes(await warehouse.claim("PACK", ids=[ids[second]])) == [("NOT_FOUND", ("ids", "0"))]
    assert codes(await warehouse.claim(at="YORK", ids=[ids[second]])) == [
        ("NOT_FOUND", ("ids", "0"))
    ]


async def test_what_is_out_of_scope_does_not_exist(warehouse: Warehouse) -> None:
    parcel = await a_parcel(warehouse)
    [task] = await warehouse.tasks()
    assert codes(await warehouse.claim(by=YORKER)) == [("NOT_FOUND", ("locationCode",))]
    assert codes(await warehouse.renew(task["id"], YORKER)) == [("NOT_FOUND", ("id",))]
    assert codes(await warehouse.release(task["id"], YORKER)) == [("NOT_FOUND", ("id",))]
    assert codes(await warehouse.pick(parcel, by=YORKER)) == [("NOT_FOUND", ("fulfillmentId",))]
    assert (await warehouse.claim(by=MARKETER)).refs["tasks"] == []
    assert codes(await warehouse.claim(by=MARKETER, ids=[task["id"]])) == [
        ("NOT_FOUND", ("ids", "0"))
    ]
    assert codes(await warehouse.renew(task["id"], MARKETER)) == [("NOT_FOUND", ("id",))]
    await a_parcel(warehouse, "M-1", channel="market")
    assert len((await warehouse.claim(by=MARKETER, limit=5)).refs["tasks"]) == 1


@pytest.mark.parametrize("limit", [0, -1, 201])
async def test_limits_are_limited(warehouse: Warehouse, limit: int) -> None:
    assert codes(await warehouse.claim(limit=limit)) == [("LIMIT_EXCEEDED", ("limit",))]


async def test_the_same_key_gives_the_same_tasks(warehouse: Warehouse) -> None:
    await a_parcel(warehouse, "W-1")
    await a_parcel(warehouse, "W-2")
    first = await warehouse.claim(key="tablet-7-1")
    again = await warehouse.claim(key="tablet-7-1")
    assert (again.refs, again.replayed) == (first.refs, True)
    assert len([t for t in await warehouse.live() if t[1] == "CLAIMED"]) == 1


async def test_the_key_of_a_claim_that_was_refused_in_part_is_replayed(
    warehouse: Warehouse,
) -> None:
    await a_parcel(warehouse)
    [task] = await warehouse.tasks()
    asked = [task["id"], uuid4()]
    first = await warehouse.claim(ids=asked, key="tablet-7-1")
    assert codes(first) == [("NOT_FOUND", ("ids", "1"))]
    await warehouse.release(task["id"])
    again = await warehouse.claim(ids=asked, key="tablet-7-1")
    assert (again.refs, again.refusals, again.replayed) == (first.refs, first.refusals, True)
    assert [t[1] for t in await warehouse.live()] == ["OPEN"]


async def test_events_of_a_task_carry_its_place(warehouse: Warehouse) -> None:
    await a_parcel(warehouse)
    [task_id] = (await warehouse.claim()).refs["tasks"]
    await warehouse.release(task_id)
    recorded = await events(warehouse.database, "task.")
    assert [(e["type"], e["subject_version"]) for e in recorded] == [
        ("task.created", 1),
        ("task.claimed", 2),
        ("task.released", 3),
    ]
    assert recorded[1]["data"]["claimedBy"] == "ann"
    assert recorded[1]["data"]["queue"] == "PICK"
    assert [a["actor"] for a in await warehouse.audits("taskRelease")] == ["ann"]
