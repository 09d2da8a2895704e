"""Every pair of a return's state and an action: it works, or it changes nothing."""

from collections.abc import Awaitable, Callable
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from domain.policies.policies import PolicyKind
from domain.returns.states import (
    ITEM_TRANSITIONS,
    RETURN_ACTIONS,
    RETURN_TRANSITIONS,
    ReturnAction,
    ReturnItemState,
    ReturnStatus,
)
from models.database.database import Database
from tests.builders.returns import BOSS, Desk, open_return_desk
from tests.builders.transactions import counts
from workflows.transactions.outcomes import Outcome

TABLES = (
    "customer_return",
    "return_item",
    "inspection",
    "disposition_step",
    "unidentified_parcel",
    "stock_movement",
    "journal_entry",
    "event",
    "operational_exception",
    "refund",
)
_S, _A, _I = ReturnStatus, ReturnAction, ReturnItemState
ITEM = ("TEE-M", 2)


async def in_status(desk: Desk, status: ReturnStatus) -> Outcome:
    """A return of two units in this status, reached by actions of people."""
    if status in (_S.REQUESTED, _S.DECLINED):
        rules: dict[str, Any] = {"window": "P30D", "reviewAboveAmount": {"GBP": "0.00"}}
        await desk.shop.publish(PolicyKind.RETURN, rules)
        made = await desk.requested(ITEM, payments=())
        if status is _S.DECLINED:
            await desk.decline(made)
        return made
    made = await desk.requested(ITEM, payments=())
    match status:
        case _S.IN_TRANSIT:
            await desk.track(made)
        case _S.PARTIALLY_RECEIVED:
            await desk.receive(made, ("TEE-M", 1))
        case _S.RECEIVED:
            await desk.receive(made, ("TEE-M", 1), complete=True)
        case _S.CANCELLED:
            await desk.cancel(made)
        case _S.EXPIRED:
            desk.shop.clock.forward(days=28)
            await desk.expire()
        case _S.CLOSED:
            await desk.receive(made, ("TEE-M", 1), complete=True)
            received = await an_item_in(desk, made, _I.RECEIVED)
            await desk.inspect(made, (received, 1, "NEW"))
    assert await desk.status(made) == status
    return made


async def an_item_in(desk: Desk, made: Outcome, *states: ReturnItemState) -> UUID:
    """The first return item in one of these states, else the first of all."""
    groups = await desk.groups(made)
    found = [group["id"] for group in groups if group["state"] in states] or [groups[0]["id"]]
    first: UUID = found[0]
    return first


async def inspect(desk: Desk, made: Outcome) -> Outcome:
    group = await an_item_in(desk, made, _I.RECEIVED)
    return await desk.inspect(made, (group, 1, "DAMAGED"))


async def dispose(desk: Desk, made: Outcome) -> Outcome:
    if await desk.status(made) in (_S.PARTIALLY_RECEIVED, _S.RECEIVED):
        await inspect(desk, made)
    return await desk.dispose(await an_item_in(desk, made, _I.INSPECTED), 1, "SCRAP")


ACTIONS: dict[ReturnAction, Callable[[Desk, Outcome], Awaitable[Outcome]]] = {
    _A.AUTHORIZE: lambda desk, made: desk.authorize(made, "why", by=BOSS),
    _A.DECLINE: lambda desk, made: desk.decline(made),
    _A.CANCEL: lambda desk, made: desk.cancel(made),
    _A.SET_TRACKING: lambda desk, made: desk.track(made, "JD-NEW"),
    _A.RECEIVE: lambda desk, made: desk.receive(made, ("TEE-M", 1)),
    _A.INSPECT: inspect,
    _A.DISPOSE: dispose,
}
BECOMES = {
    _A.AUTHORIZE: _S.AUTHORIZED,
    _A.DECLINE: _S.DECLINED,
    _A.CANCEL: _S.CANCELLED,
}


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


def is_allowed(status: ReturnStatus, action: ReturnAction) -> bool:
    # A parcel of a return that is no longer open goes to quarantine and is not refused.
    is_kept_apart = action is _A.RECEIVE and status in RETURN_ACTIONS[_A.QUARANTINE]
    return status in RETURN_ACTIONS[action] or is_kept_apart


PAIRS = list(product(ReturnStatus, ACTIONS))


@pytest.mark.parametrize(("status", "action"), [pair for pair in PAIRS if is_allowed(*pair)])
async def test_an_action_that_fits_the_status_is_done(
    desk: Desk, status: ReturnStatus, action: ReturnAction
) -> None:
    made = await in_status(desk, status)
    outcome = await ACTIONS[action](desk, made)
    assert not outcome.refusals, outcome.refusals
    reached = BECOMES.get(action)
    assert reached is None or await desk.status(made) == reached


@pytest.mark.parametrize("status", ReturnStatus)
async def test_every_other_action_names_the_next_states_and_changes_nothing(
    desk: Desk, status: ReturnStatus
) -> None:
    made = await in_status(desk, status)
    before = await counts(desk.database, *TABLES)
    row = await desk.find(made)
    for action in (each for each in ACTIONS if not is_allowed(status, each)):
        [refusal] = (await ACTIONS[action](desk, made)).refusals
        assert refusal.code == "ILLEGAL_TRANSITION"
        assert refusal.details["from"] == status
        assert refusal.details["allowed"] == sorted(RETURN_TRANSITIONS[status])
    assert await counts(desk.database, *TABLES) == before
    assert await desk.find(made) == row


async def in_state(desk: Desk, state: ReturnItemState) -> tuple[Outcome, UUID]:
    """A partly received return, and a return item of it in this state."""
    await desk.shop.receive(5, "COAT")
    made = await desk.requested(ITEM, ("COAT", 1), payments=())
    if state is _I.EXPECTED:
        await desk.receive(made, ("COAT", 1))
    elif state is _I.MISSING:
        await desk.receive(made, ("TEE-M", 1), complete=True)
    elif state is _I.WRONG_ITEM:
        await desk.receive(made, ITEM, ("TEE-L", 2))
    else:
        await desk.receive(made, ITEM)
    group = await an_item_in(desk, made, _I.RECEIVED if state not in PLAIN else state)
    if state in (_I.INSPECTED, _I.DISPOSED):
        await desk.inspect(made, (group, 2, "DAMAGED"))
    if state is _I.DISPOSED:
        await desk.dispose(group, 2, "SCRAP")
    assert [each["state"] for each in await desk.groups(made) if each["id"] == group] == [state]
    return made, group


PLAIN = (_I.EXPECTED, _I.MISSING, _I.WRONG_ITEM, _I.RECEIVED)

ITEM_ACTIONS: dict[ReturnItemState, Callable[[Desk, Outcome, UUID], Awaitable[Outcome]]] = {
    _I.RECEIVED: lambda desk, made, group: desk.receive(made, ("TEE-M", 1, group)),
    _I.INSPECTED: lambda desk, made, group: desk.inspect(made, (group, 1, "DAMAGED")),
    _I.DISPOSED: lambda desk, made, group: desk.dispose(group, 1, "SCRAP"),
}


STEPS = [pair for pair in product(_I, ITEM_ACTIONS) if pair[1] in ITEM_TRANSITIONS[pair[0]]]


@pytest.mark.parametrize(("state", "aim"), STEPS)
async def test_units_take_the_steps_of_their_table(
    desk: Desk, state: ReturnItemState, aim: ReturnItemState
) -> None:
    made, group = await in_state(desk, state)
    outcome = await ITEM_ACTIONS[aim](desk, made, group)
    assert not outcome.refusals, outcome.refusals


@pytest.mark.parametrize("state", ReturnItemState)
async def test_units_take_no_other_step(desk: Desk, state: ReturnItemState) -> None:
    made, group = await in_state(desk, state)
    before = await counts(desk.database, *TABLES)
    units = await desk.groups(made)
    for aim in (each for each in ITEM_ACTIONS if each not in ITEM_TRANSITIONS[state]):
        [refusal] = (await ITEM_ACTIONS[aim](desk, made, group)).refusals
        assert refusal.code == "ILLEGAL_TRANSITION"
        assert refusal.details["allowed"] == sorted(ITEM_TRANSITIONS[state])
    assert await counts(desk.database, *TABLES) == before
    assert await desk.groups(made) == units
