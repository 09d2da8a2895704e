"""Steps of the kinds of webhooks: the receiver is a port without a listener."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from domain.access.callers import Role
from domain.exceptions import ExceptionKind
from schema.fields.node import uuid_in
from tests.builders.transactions import rows
from tests.resolvers.exceptions.kind_desk import KindDesk
from tests.resolvers.integrations.documents import RESUME, UPSERT
from tests.resolvers.integrations.webhook_desk import MESSAGES, SKIP
from tests.resolvers.integrations.webhook_receiver import eventually

CLOSED = "http://127.0.0.1:9/hooks"


async def _webhook(desk: KindDesk, ordering: str) -> None:
    """A webhook that takes movements of stock, with one quick retry."""
    webhooks = desk.api.restow.webhooks
    webhooks._terms = replace(
        webhooks._terms,
        retry_seconds=(0.01,),
        tick=0.05,
        backoff_seconds=0.01,
        backoff_max=0.01,
    )
    key = await desk.api.a_key(Role.ADMIN, name=f"owner {desk.number}")
    desk.facts |= {"code": f"hook-{desk.number}", "key": key}
    choices = {"events": ["stock.changed"], "ordering": ordering}
    given = {"code": desk.facts["code"], "kind": "WEBHOOK", "url": CLOSED, "webhook": choices}
    made = await desk.api.done(UPSERT, {"input": {**given}}, key=key)
    owner = uuid_in("Integration", made["integration"]["id"])
    desk.about("Integration", owner)
    desk.facts["owner"] = owner


async def _parked(desk: KindDesk, status: str = "PARKED") -> int:
    owner: UUID = desk.facts["owner"]
    sql = "SELECT id FROM message WHERE integration_id = $1 AND status = $2"
    return len(await rows(desk.whole.database, sql, owner, status))


async def park(desk: KindDesk) -> None:
    await _webhook(desk, "NONE")
    await park_another(desk)


async def park_another(desk: KindDesk) -> None:
    """One more message that is not accepted."""
    before = await _parked(desk)
    await desk.done(desk.shop.receive(1, desk.sku))

    async def is_parked() -> bool:
        return await _parked(desk) > before

    await eventually(is_parked)


async def skip_all(desk: KindDesk) -> None:
    """A person skips the messages."""
    code, key = desk.facts["code"], desk.facts["key"]
    found = await desk.api.ask(MESSAGES, {"integration": code, "status": "PARKED"})
    for message in found["messages"]["nodes"]:
        await desk.api.done(SKIP, {"id": message["id"], "note": "n"}, key=key)


async def disable(desk: KindDesk) -> None:
    await _webhook(desk, "STRICT")
    await fail_again(desk)


async def fail_again(desk: KindDesk) -> None:
    """A message that is not accepted, and that no later one may pass."""
    await desk.done(desk.shop.receive(1, desk.sku))

    async def is_disabled() -> bool:
        return len(await desk.live(ExceptionKind.WEBHOOK_DISABLED)) == 1

    await eventually(is_disabled)


async def skip_and_resume(desk: KindDesk) -> None:
    """Without that message, the webhook may go on."""
    await skip_all(desk)
    await desk.api.done(RESUME, {"code": desk.facts["code"]}, key=desk.facts["key"])
