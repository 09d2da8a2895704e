"""Task queues of returns follow the states of returns and return items."""

from datetime import timedelta

import pytest

from domain.access.callers import Role, holder
from domain.policies.policies import PolicyKind
from models.database.database import Database
from tests.builders.returns import INSPECTOR, Desk, open_return_desk
from tests.builders.transactions import MORNING, codes, events
from tests.builders.warehouse import Warehouse
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.outcomes import Outcome

DOCK = holder(Role.WAREHOUSE, actor="doc")


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def a_return(desk: Desk, units: int = 3) -> Outcome:
    order = await desk.sold(("TEE-M", units))
    requested = await desk.request(order, ("TEE-M", units))
    assert not requested.refusals
    return requested


def on(desk: Desk) -> Warehouse:
    return Warehouse(desk.shop)


async def to_do(desk: Desk) -> list[tuple[str, str, str | None]]:
    return sorted(await on(desk).live(), key=lambda each: each[:2])


async def test_an_authorized_return_waits_at_the_dock(desk: Desk) -> None:
    requested = await a_return(desk)
    assert await desk.status(requested) == "AUTHORIZED"
    assert await to_do(desk) == [("RECEIVE", "OPEN", None)]
    [task] = await on(desk).tasks(requested.refs["return"])
    assert (task["location"], task["subject_type"]) == ("LEEDS", "Return")
    found = await desk.find(requested)
    assert task["due_at"] == found["expected_by_at"]
    assert task["priority_reasons"][0].startswith("Expected by ")


async def test_units_go_from_the_dock_to_the_bench_and_off_it(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), complete=True)
    assert await to_do(desk) == [("INSPECT", "OPEN", None)]
    [group] = await desk.groups(requested)
    [task] = [t for t in await on(desk).tasks(group["id"]) if t["queue"] == "INSPECT"]
    assert task["priority_reasons"][0].startswith("Expected recovery ")
    assert not (await desk.inspect(requested, (group["id"], 3, "DAMAGED"))).refusals
    assert await to_do(desk) == [("DISPOSE", "OPEN", None)]
    assert not (await desk.dispose(group["id"], 3, "SCRAP")).refusals
    assert await to_do(desk) == []
    done = {(t["queue"], t["status"], t["claimed_by"]) for t in await on(desk).tasks()}
    assert {("INSPECT", "DONE", "ivy"), ("DISPOSE", "DONE", "ivy")} <= done
    assert ("RECEIVE", "DONE", "ivy") in done
    assert await reconcile(desk.database) == []


async def test_a_part_that_moves_on_has_a_task_of_its_own(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), complete=True)
    [group] = await desk.groups(requested)
    await desk.inspect(requested, (group["id"], 1, "USED"))
    assert await to_do(desk) == [("DISPOSE", "OPEN", None), ("INSPECT", "CLAIMED", "ivy")]
    assert await reconcile(desk.database) == []


async def test_disposing_of_a_part_claims_the_rest(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), complete=True)
    [group] = await desk.groups(requested)
    await desk.inspect(requested, (group["id"], 3, "DAMAGED"))
    assert await to_do(desk) == [("DISPOSE", "OPEN", None)]
    await desk.dispose(group["id"], 1, "SCRAP")
    assert await to_do(desk) == [("DISPOSE", "CLAIMED", "ivy")]
    [(code, _)] = codes(await desk.dispose(group["id"], 1, "SCRAP", by=DOCK))
    assert code == "TASK_NOT_CLAIMED"
    await desk.dispose(group["id"], 2, "SCRAP")
    assert await to_do(desk) == []


async def test_a_first_inspection_of_a_part_keeps_the_claim_of_the_rest(desk: Desk) -> None:
    await desk.shop.publish(PolicyKind.RETURN, {"window": "P30D", "twoInspectorsAboveRisk": 0.0})
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), complete=True)
    [group] = await desk.groups(requested)
    await desk.inspect(requested, (group["id"], 1, "USED"))
    assert await to_do(desk) == [("INSPECT", "CLAIMED", "ivy"), ("INSPECT", "OPEN", None)]
    assert await reconcile(desk.database) == []


async def test_a_partial_receipt_keeps_the_claim_of_its_task(
    desk: Desk,
) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 1), by=DOCK)
    assert ("RECEIVE", "CLAIMED", "doc") in await to_do(desk)
    desk.shop.clock.forward(minutes=5)
    await desk.receive(requested, ("TEE-M", 1), by=DOCK)
    [task] = await on(desk).tasks(requested.refs["return"])
    assert task["lease_until_at"] == MORNING + timedelta(minutes=15)
    assert [e["type"] for e in await events(desk.database, "task.renewed")] == ["task.renewed"]


async def test_working_on_a_part_renews_the_claim(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), complete=True)
    [group] = await desk.groups(requested)
    await on(desk).claim("INSPECT", by=INSPECTOR)
    desk.shop.clock.forward(minutes=9)
    await desk.inspect(requested, (group["id"], 1, "USED"))
    [task] = [t for t in await on(desk).tasks(group["id"]) if t["queue"] == "INSPECT"]
    assert task["lease_until_at"] == MORNING + timedelta(minutes=19)


async def test_working_on_one_group_does_not_keep_the_others(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), ("COAT", 2), complete=True)
    coats, tees = sorted(await desk.groups(requested), key=lambda group: group["sku"])
    await on(desk).claim("INSPECT", by=INSPECTOR, limit=2)
    desk.shop.clock.forward(minutes=9)
    await desk.inspect(requested, (tees["id"], 1, "USED"))
    leases = [
        (await on(desk).tasks(group["id"]))[0]["lease_until_at"] - MORNING
        for group in (coats, tees)
    ]
    assert leases == [timedelta(minutes=10), timedelta(minutes=19)]


async def test_what_another_inspector_has_is_refused(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), complete=True)
    [group] = await desk.groups(requested)
    await on(desk).claim("INSPECT", by=DOCK)
    [(code, _)] = codes(await desk.inspect(requested, (group["id"], 3, "USED")))
    assert code == "TASK_NOT_CLAIMED"


async def test_what_will_not_come_is_called_off(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.cancel(requested)
    [task] = await on(desk).tasks(requested.refs["return"])
    assert task["status"] == "CANCELLED"
    assert await to_do(desk) == []


async def test_what_never_came_is_called_off_by_the_clock(desk: Desk) -> None:
    requested = await a_return(desk)
    desk.shop.clock.forward(days=60)
    await desk.expire()
    assert await desk.status(requested) == "EXPIRED"
    [task] = await on(desk).tasks(requested.refs["return"])
    assert task["status"] == "CANCELLED"
    assert await reconcile(desk.database) == []


async def test_wrong_units_are_inspected_too(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), ("COAT", 1), complete=True)
    assert await to_do(desk) == [("INSPECT", "OPEN", None), ("INSPECT", "OPEN", None)]
    assert await reconcile(desk.database) == []


async def test_the_dearest_is_inspected_first(desk: Desk) -> None:
    requested = await a_return(desk)
    await desk.receive(requested, ("TEE-M", 3), ("COAT", 2), complete=True)
    claimed = await on(desk).claim("INSPECT", limit=2)
    worth = {str(g["id"]): g["sku"] for g in await desk.groups(requested)}
    subjects = {str(t["id"]): t["subject_key"] for t in await on(desk).tasks()}
    assert [worth[subjects[each]] for each in claimed.refs["tasks"]] == ["COAT", "TEE-M"]
