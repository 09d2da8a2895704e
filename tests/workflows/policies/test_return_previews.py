"""Preview of policies: past cases are decided again and counted; nothing is written."""

from typing import Any

import pytest

import workflows.policies.previews
from domain.errors import BadRequest, Invalid
from domain.policies.policies import PolicyKind
from models.database.database import Database
from models.queries.listing.scopes import Scope
from tests.builders.returns import Desk, open_return_desk
from tests.builders.transactions import counts
from workflows.policies.preview_cases import Preview
from workflows.policies.publishing import PublishPolicy


@pytest.fixture
async def desk(database: Database) -> Desk:
    return await open_return_desk(database)


async def preview(
    desk: Desk,
    kind: PolicyKind,
    rules: dict[str, Any],
    scope: str = "global",
    last: int = 100,
) -> Preview:
    command = PublishPolicy(kind, scope, rules)
    async with desk.database.snapshot() as session:
        return await workflows.policies.previews.preview(
            session, Scope(), command, last, desk.shop.clock.now
        )


async def test_returns_are_judged_again_as_of_their_own_time(desk: Desk) -> None:
    for number, sku in enumerate(("TEE-M", "TEE-M", "COAT")):
        await desk.requested((sku, 1), reference=f"W-{number}")
    desk.shop.clock.forward(days=60)
    before = await counts(desk.database, "policy", "event")
    found = await preview(desk, PolicyKind.RETURN, {"window": "P30D", "finalSale": True})
    assert (found.decided, len(found.changes)) == (3, 3)
    change = found.changes[0]
    assert change.subject[0] == "Return"
    assert (change.before["outcome"], change.after["outcome"]) == ("AUTHORIZED", "DECLINED")
    assert (change.before["version"], change.after["version"]) == (1, 2)
    assert (await preview(desk, PolicyKind.RETURN, {"window": "P14D"})).changes == ()
    coats = await preview(
        desk, PolicyKind.RETURN, {"window": "P30D", "finalSale": True}, "category:coats"
    )
    assert (coats.decided, len(coats.changes)) == (1, 1)
    assert (await preview(desk, PolicyKind.RETURN, {"window": "P14D"}, last=2)).decided == 2
    assert await counts(desk.database, "policy", "event") == before


async def test_dispositions_are_decided_again(desk: Desk) -> None:
    made = await desk.requested(("TEE-M", 3))
    await desk.receive(made, ("TEE-M", 3))
    group = (await desk.groups(made))[0]["id"]
    await desk.inspect(made, (group, 1, "NEW"), (group, 1, "USED"), (group, 1, "DAMAGED"))
    rules = {
        "table": [
            {"condition": "NEW", "reason": "*", "disposition": "RESTOCK"},
            {"condition": "*", "reason": "*", "disposition": "SCRAP"},
        ]
    }
    found = await preview(desk, PolicyKind.DISPOSITION, rules)
    assert (found.decided, len(found.changes)) == (3, 2)
    assert {change.subject[0] for change in found.changes} == {"ReturnItem"}
    assert {change.after["outcome"] for change in found.changes} == {"SCRAP"}


async def test_what_cannot_be_tried_out_is_refused(desk: Desk) -> None:
    with pytest.raises(Invalid) as refusal:
        await preview(desk, PolicyKind.RETURN, {"window": "P30D", "windows": 1})
    assert refusal.value.field == ("rules", "windows")
    with pytest.raises(BadRequest):
        await preview(desk, PolicyKind.ROUTING, {})
    for last in (0, 251):
        with pytest.raises(BadRequest):
            await preview(desk, PolicyKind.RETURN, {"window": "P30D"}, last=last)
