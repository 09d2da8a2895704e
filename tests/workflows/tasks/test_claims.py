"""Tasks: created by events, claimed by one worker, released by the clock, ended by their work."""

from datetime import timedelta
from typing import Any

import pytest

import workflows.tasks.claims as task_claims
from domain.access.callers import Caller, Role, holder
from models.database.database import Database
from tests.builders.store import ADMIN
from tests.builders.transactions import MORNING, codes, counts, events
from tests.builders.warehouse import ANN, BEN, SUE, Floor, open_floor

YORKER = holder(Role.WAREHOUSE, actor="yan", locations=frozenset({"YORK"}))
MARKETER = holder(Role.WAREHOUSE, actor="mel", channels=frozenset({"market"}))


@pytest.fixture
async def floor(database: Database) -> Floor:
    floor = await open_floor(database)
    await floor.shop.receive(20)
    return floor


async def a_parcel(floor: Floor, reference: str = "W-1", **facts: Any) -> str:
    placed = await floor.shop.place(("TEE-M", 2), reference=reference, **facts)
    assert not placed.refusals
    [parcel] = await floor.shop.fulfillments(placed)
    return str(parcel["id"])


async def done_by(floor: Floor, queue: str) -> str:
    [actor] = [task["claimed_by"] for task in await floor.tasks() if task["queue"] == queue]
    return str(actor)


async def test_each_step_ends_one_task_and_makes_the_next(floor: Floor) -> None:
    parcel = await a_parcel(floor)
    assert await floor.live() == [("PICK", "OPEN", None)]
    assert not (await floor.pick(parcel)).refusals
    assert await floor.live() == [("PACK", "OPEN", None)]
    assert not (await floor.pack(parcel, BEN)).refusals
    assert await floor.live() == [("SHIP", "OPEN", None)]
    assert not (await floor.shop.ship(parcel)).refusals
    assert await floor.live() == []
    done = [(row["queue"], row["status"], row["claimed_by"]) for row in await floor.tasks()]
    assert sorted(done) == [
        ("PACK", "DONE", "ben"),
        ("PICK", "DONE", "ann"),
        ("SHIP", "DONE", "ada"),
    ]


async def test_a_task_says_where_why_and_until_when(floor: Floor) -> None:
    parcel = await a_parcel(floor)
    [task] = await floor.tasks()
    assert (task["location"], task["subject_type"], task["subject_key"]) == (
        "LEEDS",
        "Fulfillment",
        parcel,
    )
    assert task["due_at"] == MORNING.replace(hour=23, minute=59, second=59)
    assert task["priority_reasons"] == [
        "Promised to ship by 2026-03-02 23:59 UTC.",
        "STANDARD service.",
    ]


async def test_the_most_urgent_comes_first_then_the_oldest(floor: Floor) -> None:
    first = await a_parcel(floor, "W-1")
    floor.shop.clock.forward(seconds=1)
    second = await a_parcel(floor, "W-2")
    floor.shop.clock.forward(seconds=1)
    express = await a_parcel(floor, "W-3", service_level="EXPRESS")
    claimed = await floor.claim(limit=3)
    by_id = {str(task["id"]): task["subject_key"] for task in await floor.tasks()}
    assert [by_id[each] for each in claimed.refs["tasks"]] == [express, first, second]


async def test_shipping_an_open_fulfilment_does_its_picking(floor: Floor) -> None:
    parcel = await a_parcel(floor)
    assert not (await floor.shop.ship(parcel)).refusals
    assert [(t["queue"], t["status"]) for t in await floor.tasks()] == [("PICK", "DONE")]


async def test_a_claim_goes_to_one_worker_for_ten_minutes(floor: Floor) -> None:
    await a_parcel(floor)
    claimed = await floor.claim()
    [task] = await floor.tasks()
    assert claimed.refs["tasks"] == [str(task["id"])]
    assert (task["status"], task["claimed_by"]) == ("CLAIMED", "ann")
    assert task["lease_until_at"] == MORNING + timedelta(minutes=10)
    assert (await floor.claim(by=BEN)).refs["tasks"] == []


async def test_a_lost_tablets_tasks_come_back_by_the_clock(floor: Floor) -> None:
    parcel = await a_parcel(floor)
    await floor.claim()
    floor.shop.clock.forward(minutes=9, seconds=59)
    assert (await floor.claim(by=BEN)).refs["tasks"] == []
    floor.shop.clock.forward(seconds=1)
    assert len((await floor.claim(by=BEN)).refs["tasks"]) == 1
    assert codes(await floor.pick(parcel)) == [("TASK_NOT_CLAIMED", ("fulfillmentId",))]
    assert not (await floor.pick(parcel, by=BEN)).refusals


async def test_the_job_records_expired_claims(floor: Floor) -> None:
    await a_parcel(floor)
    await floor.claim()
    assert await floor.shop.transactions.run(task_claims.free_lapsed) == 0
    floor.shop.clock.forward(minutes=10)
    assert await floor.shop.transactions.run(task_claims.free_lapsed) == 1
    assert await floor.live() == [("PICK", "OPEN", None)]
    assert [e["type"] for e in await events(floor.database, "task.")] == [
        "task.created",
        "task.claimed",
        "task.released",
    ]


async def test_renewing_keeps_a_task(floor: Floor) -> None:
    await a_parcel(floor)
    [task_id] = (await floor.claim()).refs["tasks"]
    floor.shop.clock.forward(minutes=9)
    assert not (await floor.renew(task_id)).refusals
    floor.shop.clock.forward(minutes=9)
    assert (await floor.claim(by=BEN)).refs["tasks"] == []
    [task] = await floor.tasks()
    assert task["lease_until_at"] == MORNING + timedelta(minutes=19)


async def test_work_on_an_unclaimed_task_ends_it(floor: Floor) -> None:
    parcel = await a_parcel(floor)
    assert not (await floor.pick(parcel, by=BEN)).refusals
    assert await done_by(floor, "PICK") == "ben"


async def test_what_another_holds_is_refused_and_nothing_changes(floor: Floor) -> None:
    parcel = await a_parcel(floor)
    await floor.claim()
    tables = ("event", "stock_movement", "audit_entry", "task")
    before = await counts(floor.database, *tables)
    assert codes(await floor.pick(parcel, by=BEN)) == [("TASK_NOT_CLAIMED", ("fulfillmentId",))]
    assert codes(await floor.shop.ship(parcel, BEN)) == [
        ("TASK_NOT_CLAIMED", ("input", "fulfillmentId"))
    ]
    assert await counts(floor.database, *tables) == before
    assert await floor.live() == [("PICK", "CLAIMED", "ann")]


@pytest.mark.parametrize("boss", [SUE, ADMIN])
async def test_a_supervisor_may_override_and_it_is_written_down(floor: Floor, boss: Caller) -> None:
    parcel = await a_parcel(floor)
    await floor.claim()
    assert not (await floor.pick(parcel, by=boss)).refusals
    [override] = await floor.audits("task.overridden")
    assert override["actor"] == boss.actor
    assert override["before"]["claimedBy"] == "ann"
    assert await done_by(floor, "PICK") == boss.actor


async def test_cancelling_calls_the_work_off(floor: Floor) -> None:
    placed = await floor.shop.place(("TEE-M", 2))
    await floor.claim()
    await floor.shop.cancel(placed)
    [task] = await floor.tasks()
    assert (task["status"], task["claimed_by"]) == ("CANCELLED", "ann")


async def test_a_smaller_parcel_keeps_its_task_and_says_so(floor: Floor) -> None:
    placed = await floor.shop.place(("TEE-M", 2))
    [line] = await floor.shop.lines(placed)
    await floor.shop.cancel(placed, (line["id"], 1))
    assert await floor.live() == [("PICK", "OPEN", None)]
    [changed] = await events(floor.database, "task.changed")
    assert changed["subject_version"] == 2


async def test_a_step_of_each_task_state(floor: Floor) -> None:
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
        placed = await floor.shop.place(("TEE-M", 1), reference=f"S-{number}")
        [parcel] = await floor.shop.fulfillments(placed)
        [task] = [t for t in await floor.tasks(parcel["id"]) if t["queue"] == "PICK"]
        if state in ("CLAIMED", "LAPSED"):
            assert not (await floor.claim(ids=[task["id"]])).refusals
        if state == "LAPSED":
            floor.shop.clock.forward(minutes=10)
        if state == "DONE":
            await floor.pick(parcel["id"])
        if state == "CANCELLED":
            await floor.shop.cancel(placed)
        do = {
            "claim": lambda t, by: floor.claim(ids=[t], by=by),
            "renew": floor.renew,
            "release": floor.release,
        }
        outcome = await do[act](task["id"], people[actor])
        where = ("ids", "0") if act == "claim" else ("id",)
        assert codes(outcome) == ([] if code is None else [(code, where)]), (state, act, actor)
        await floor.shop.cancel(placed)


async def test_named_tasks_stand_each_on_its_own(floor: Floor) -> None:
    first, second = await a_parcel(floor, "W-1"), await a_parcel(floor, "W-2")
    ids = {t["subject_key"]: t["id"] for t in await floor.tasks()}
    await floor.claim(by=BEN, ids=[ids[first]])
    claimed = await floor.claim(ids=[ids[first], ids[second], first])
    assert claimed.refs["tasks"] == [str(ids[second])]
    assert codes(claimed) == [("TASK_NOT_CLAIMED", ("ids", "0")), ("NOT_FOUND", ("ids", "2"))]
    assert codes(await floor.claim("PACK", ids=[ids[second]])) == [("NOT_FOUND", ("ids", "0"))]
    assert codes(await floor.claim(at="YORK", ids=[ids[second]])) == [("NOT_FOUND", ("ids", "0"))]


async def test_what_is_out_of_scope_does_not_exist(floor: Floor) -> None:
    parcel = await a_parcel(floor)
    [task] = await floor.tasks()
    assert codes(await floor.claim(by=YORKER)) == [("NOT_FOUND", ("locationCode",))]
    assert codes(await floor.renew(task["id"], YORKER)) == [("NOT_FOUND", ("id",))]
    assert codes(await floor.release(task["id"], YORKER)) == [("NOT_FOUND", ("id",))]
    assert codes(await floor.pick(parcel, by=YORKER)) == [("NOT_FOUND", ("fulfillmentId",))]
    assert (await floor.claim(by=MARKETER)).refs["tasks"] == []
    assert codes(await floor.claim(by=MARKETER, ids=[task["id"]])) == [("NOT_FOUND", ("ids", "0"))]
    assert codes(await floor.renew(task["id"], MARKETER)) == [("NOT_FOUND", ("id",))]
    await a_parcel(floor, "M-1", channel="market")
    assert len((await floor.claim(by=MARKETER, limit=5)).refs["tasks"]) == 1


@pytest.mark.parametrize("limit", [0, -1, 201])
async def test_limits_are_limited(floor: Floor, limit: int) -> None:
    assert codes(await floor.claim(limit=limit)) == [("LIMIT_EXCEEDED", ("limit",))]


async def test_the_same_key_gives_the_same_tasks(floor: Floor) -> None:
    await a_parcel(floor, "W-1")
    await a_parcel(floor, "W-2")
    first = await floor.claim(key="tablet-7-1")
    again = await floor.claim(key="tablet-7-1")
    assert (again.refs, again.replayed) == (first.refs, True)
    assert len([t for t in await floor.live() if t[1] == "CLAIMED"]) == 1


async def test_events_of_a_task_carry_its_place(floor: Floor) -> None:
    await a_parcel(floor)
    [task_id] = (await floor.claim()).refs["tasks"]
    await floor.release(task_id)
    recorded = await events(floor.database, "task.")
    assert [(e["type"], e["subject_version"]) for e in recorded] == [
        ("task.created", 1),
        ("task.claimed", 2),
        ("task.released", 3),
    ]
    assert recorded[1]["data"]["claimedBy"] == "ann"
    assert recorded[1]["data"]["queue"] == "PICK"
    assert [a["actor"] for a in await floor.audits("taskRelease")] == ["ann"]
