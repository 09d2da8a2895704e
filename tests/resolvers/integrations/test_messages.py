"""Messages of webhooks: pauses, tests, replays, and what people do with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import models.queries.events.event_log as event_log
from domain.access.callers import Role
from domain.values.global_ids import global_id
from scripts.archive import archive
from tests.builders.in_process_server import JSON
from tests.resolvers.integrations.documents import PAUSE, RESUME, UPSERT
from tests.resolvers.integrations.webhook_desk import (
    REPLAY,
    RETRY,
    SKIP,
    TEST,
    WebhookDesk,
    open_webhook_desk,
)
from tests.resolvers.integrations.webhook_receiver import Reply
from workflows.events.retention import Retention, old_events
from workflows.ledger.reconciliation import reconcile
from workflows.webhooks.retention import delete_old_messages

STOCK: JSON = {"events": ["stock.changed"]}


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[WebhookDesk]:
    async with open_webhook_desk(database_url) as desk:
        yield desk
        assert await reconcile(desk.api.restow.database) == []


async def test_pauses_and_switches(desk: WebhookDesk) -> None:
    """A pause keeps what comes; OFF keeps nothing."""
    await desk.webhook(webhook=STOCK)
    await desk.api.done(PAUSE, {"code": "shop", "note": "n"}, key=desk.admin)
    await desk.until(lambda: desk.follows("shop"))
    await desk.api.receive(1)
    await desk.api.settled()
    tested = await desk.api.done(TEST, {"code": "shop"}, key=desk.admin)
    await desk.receiver.until(1)
    assert desk.receiver.received[0].event["type"] == "integration.test"
    assert desk.receiver.received[0].id == tested["messages"][0]["id"]
    await desk.api.done(RESUME, {"code": "shop"}, key=desk.admin)
    await desk.receiver.until(2)
    await desk.until_settled()
    off = {"code": "shop", "kind": "WEBHOOK", "active": False}
    await desk.api.done(UPSERT, {"input": off}, key=desk.admin)
    await desk.api.receive(1, "COAT")
    await desk.api.settled()
    await desk.api.done(UPSERT, {"input": {**off, "active": True}}, key=desk.admin)
    await desk.api.receive(1, "SCARF")
    await desk.until_settled()
    skus = [each.event["data"].get("sku") for each in desk.receiver.received]
    assert skus == [None, "TEE", "SCARF"]
    assert await desk.api.refusals(TEST, {"code": "payments"}) == [("INVALID", "code")]


async def test_a_failed_test_is_parked_without_an_exception(desk: WebhookDesk) -> None:
    await desk.webhook(webhook=STOCK)
    desk.receiver.answer = lambda _: Reply(500)
    [made] = (await desk.api.done(TEST, {"code": "shop"}, key=desk.admin))["messages"]

    async def is_parked() -> bool:
        return [each["id"] for each in await desk.messages(status="PARKED")] == [made["id"]]

    await desk.until(is_parked)
    assert await desk.exceptions() == []
    assert made["payload"]["id"] == made["id"]


@pytest.mark.parametrize("ordering", ["STRICT", "SUBJECT", "NONE"])
async def test_a_replay_sends_the_same_ids_again(desk: WebhookDesk, ordering: str) -> None:
    start = await desk.newest()
    await desk.webhook(webhook={**STOCK, "ordering": ordering})
    for sku in ("TEE", "COAT", "SCARF"):
        await desk.api.receive(1, sku)
    await desk.until_settled()
    ids = [each.id for each in desk.receiver.received]
    assert len(ids) == 3
    cursors = [each.cursor for each in desk.receiver.received]
    first, second, _ = sorted(cursors)
    position = await desk.position()
    payload = await desk.api.done(
        REPLAY, {"code": "shop", "after": str(start), "until": str(second)}, key=desk.admin
    )
    went_back = int(payload["integration"]["position"])
    assert went_back == (start if ordering == "STRICT" else position)
    await desk.receiver.until(5)
    await desk.until_settled()

    async def all_are_done() -> bool:
        return {each["status"] for each in await desk.messages()} == {"DONE"}

    await desk.until(all_are_done)
    again = desk.receiver.received[3:]
    assert sorted(each.cursor for each in again) == [first, second]
    assert {each.id for each in again} <= set(ids)
    if ordering == "STRICT":
        assert all(one.cursor < other.cursor for one, other in pairwise(again))


async def test_refused_replays_and_retries_change_nothing(desk: WebhookDesk) -> None:
    await desk.webhook(webhook=STOCK)
    await desk.api.receive(1)
    await desk.until_settled()
    before = await desk.messages(), await desk.position()
    newest = await desk.newest()
    for given, fault in (
        ({"after": "x"}, ("INVALID", "after")),
        ({"after": str(newest)}, ("INVALID", "after")),
        ({"after": str(newest + 5)}, ("INVALID", "after")),
        ({"after": "0", "until": str(newest + 1)}, ("INVALID", "until")),
        ({"after": "0", "code": "payments"}, ("INVALID", "code")),
        ({"after": "0", "code": "nothing"}, ("NOT_FOUND", "code")),
    ):
        found = await desk.api.refusals(REPLAY, {"code": "shop", **given}, key=desk.admin)
        assert found == [fault], given
    unknown = global_id("Message", "00000000-0000-7000-8000-000000000001")
    assert await desk.api.refusals(RETRY, {"ids": [unknown]}) == [("NOT_FOUND", "ids.0")]
    assert await desk.api.refusals(RETRY, {"ids": []}) == [("LIMIT_EXCEEDED", "ids")]
    [done] = before[0]
    found = await desk.api.refusals(SKIP, {"id": done["id"], "note": ""})
    assert sorted(found) == [("ILLEGAL_TRANSITION", "id"), ("INVALID", "note")]
    assert (await desk.messages(), await desk.position()) == before


async def test_a_partner_sees_and_works_its_own_messages_only(desk: WebhookDesk) -> None:
    partner = await desk.api.a_key(Role.PARTNER, name="partner")
    other = await desk.api.a_key(Role.STOREFRONT, name="other")
    await desk.webhook("own", key=partner, webhook=STOCK)
    await desk.api.receive(1)
    await desk.until_settled("own")
    [message] = await desk.messages("own")
    document = "{ messages(first: 5) { nodes { id payload } } }"
    seen = (await desk.api.ask(document, key=partner))["messages"]["nodes"]
    assert [each["id"] for each in seen] == [message["id"]]
    assert (await desk.api.ask(document, key=other))["messages"]["nodes"] == []
    answer = await desk.api.ask(RETRY, {"ids": [message["id"]]}, key=other, idempotency_key="other")
    assert [each["code"] for each in answer["messageRetry"]["userErrors"]] == ["NOT_FOUND"]


async def test_the_archive_keeps_what_a_webhook_has_still_to_read(
    desk: WebhookDesk, tmp_path: Path
) -> None:
    await desk.webhook(webhook=STOCK)
    await desk.api.done(PAUSE, {"code": "shop", "note": "n"}, key=desk.admin)
    await desk.until(lambda: desk.follows("shop"))
    for sku in ("TEE", "COAT"):
        await desk.api.receive(1, sku)
    newest = await desk.newest()
    database, position = desk.api.restow.database, await desk.position()
    assert await archive(database, Retention(None, 1), tmp_path) <= position
    async with database.reading() as session:
        assert await event_log.first_position(session) == position + 1
    events = await old_events(database, Retention(None, 1), desk.api.restow.clock())
    assert events == []
    await desk.api.done(RESUME, {"code": "shop"}, key=desk.admin)
    await desk.until_settled()
    assert [each.event["data"]["sku"] for each in desk.receiver.received] == ["TEE", "COAT"]
    assert await archive(database, Retention(None, 1), tmp_path) >= newest - position


async def test_settled_messages_are_kept_for_14_days(desk: WebhookDesk) -> None:
    await desk.webhook(webhook=STOCK)
    await desk.api.receive(1)
    await desk.until_settled()
    desk.receiver.answer = lambda _: Reply(500)
    await desk.api.receive(1, "COAT")

    async def is_parked() -> bool:
        return len(await desk.messages(status="PARKED")) == 1

    await desk.until(is_parked)
    run = desk.api.restow.transactions.run
    desk.api.advance_clock(timedelta(days=13, hours=23).total_seconds())
    assert await run(delete_old_messages) == 0
    desk.api.advance_clock(timedelta(hours=2).total_seconds())
    assert await run(delete_old_messages) == 1
    assert [each["status"] for each in await desk.messages()] == ["PARKED"]
