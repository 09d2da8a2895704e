"""Webhooks get the events of their key: signed, in order, again after failures."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.access.callers import Role
from integrations.signed_webhooks import WebhookRefused
from tests.builders.in_process_server import JSON
from tests.resolvers.integrations.documents import RESUME, ROTATE
from tests.resolvers.integrations.test_integrations import id_of_key
from tests.resolvers.integrations.webhook_desk import (
    RETRY,
    SKIP,
    WebhookDesk,
    open_webhook_desk,
)
from tests.resolvers.integrations.webhook_receiver import Answering, Received, Reply, accept
from tests.resolvers.test_access import REVOKE
from tests.resolvers.test_access import ROTATE as ROTATE_KEY
from workflows.ledger.reconciliation import reconcile

STOCK: JSON = {"events": ["stock.changed"]}


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[WebhookDesk]:
    async with open_webhook_desk(database_url) as desk:
        yield desk
        assert await reconcile(desk.api.restow.database) == []


def refusing(*refused: int, status: int = 500) -> Answering:
    """Refuses the calls of these numbers, from 0."""
    calls = iter(range(10_000))

    def answer(_: Received) -> Reply:
        return Reply(status) if next(calls) in refused else Reply()

    return answer


async def test_an_event_arrives_signed_and_as_the_log_has_it(desk: WebhookDesk) -> None:
    made = await desk.webhook(webhook=STOCK)
    await desk.api.receive(3)
    await desk.receiver.until(1)
    [received] = desk.receiver.received
    assert received.is_signed_by(made["secret"])
    document = """{ events(first: 1, types: ["stock.changed"]) { nodes {
      type timestamp: occurredAt id cursor subject subjectVersion actor data } } }"""
    [event] = (await desk.api.ask(document))["events"]["nodes"]
    sent = received.event
    assert list(sent) == list(event)
    assert {**sent, "timestamp": 0} == {**event, "timestamp": 0}
    assert received.headers["content-type"] == "application/json"
    await desk.until_settled()
    [message] = await desk.messages()
    assert message["id"] == received.id
    assert (message["status"], message["direction"], message["type"]) == (
        *("DONE", "OUT"),
        "stock.changed",
    )
    assert (message["reference"], message["cursor"]) == (event["id"], event["cursor"])
    assert message["payload"] == sent
    assert [each["statusCode"] for each in message["attempts"]] == [204]
    assert await desk.messages(reference=event["id"]) == [message]
    assert await desk.messages(status="PARKED") == []


async def test_both_secrets_sign_until_the_overlap_ends(desk: WebhookDesk) -> None:
    first = (await desk.webhook(webhook=STOCK))["secret"]
    rotation = {"code": "shop", "overlap": 600}
    second = (await desk.api.done(ROTATE, rotation, key=desk.admin))["secret"]
    await desk.api.settled()
    await desk.until(lambda: desk.follows("shop"))
    await desk.api.receive(1)
    await desk.receiver.until(1)
    [received] = desk.receiver.received
    assert received.is_signed_by(first)
    assert received.is_signed_by(second)
    with pytest.raises(WebhookRefused):
        received.is_signed_by("whsec_" + "A" * 44)
    await desk.until_settled()


async def test_a_webhook_gets_what_its_key_may_see_and_it_takes(desk: WebhookDesk) -> None:
    """A marketplace gets the orders and refunds of its channel, and nothing of another."""
    api = desk.api
    partner = await api.a_key(Role.PARTNER, channels=("market",), name="partner")
    shop = await api.a_key(Role.STOREFRONT, channels=("web",), name="shop key")
    await desk.webhook("partner", key=partner, webhook={"events": ["order.*", "refund.*"]})
    await desk.webhook("shop", key=shop)
    await api.receive(9, at="YORK")
    await api.place(1, channel="market", externalReference="M-1", payments=[PAID])
    sold = await api.place(1, channel="web", externalReference="W-1", payments=[PAID])
    lines = [{"orderLineId": sold["lines"][0]["id"], "quantity": 1}]
    await api.done(CANCEL, {"id": sold["id"], "lines": lines})
    await desk.until_settled("partner")
    await desk.until_settled("shop")
    types = {each.event["type"] for each in desk.receiver.at("/partner")}
    numbers = {each.event["data"].get("number") for each in desk.receiver.at("/partner")}
    assert types == {"order.placed"}
    assert sold["number"] not in numbers
    assert {each.event["type"].partition(".")[0] for each in desk.receiver.at("/shop")} <= {
        *("order", "return", "refund", "reservation", "item", "reason")
    }
    of_shop = {each.event["type"] for each in desk.receiver.at("/shop")}
    assert {"order.placed", "order.cancelled", "refund.opened"} <= of_shop
    assert {each.event["actor"] for each in desk.receiver.at("/shop")} <= {
        "staff",
        "system",
        "policy",
    }


PAID: JSON = {"reference": "pay-1", "amount": {"amount": "10.00", "currencyCode": "GBP"}}
CANCEL = """mutation ($id: ID!, $lines: [OrderCancelLineInput!]) {
  orderCancel(id: $id, lines: $lines, reasonCode: "OTHER") {
  order { id } userErrors { code field message } } }"""


async def test_a_failed_message_comes_again_with_the_same_id_and_body(desk: WebhookDesk) -> None:
    await desk.webhook(webhook=STOCK)
    desk.receiver.answer = refusing(0, 1)
    await desk.api.receive(1)
    await desk.receiver.until(3)
    await desk.until_settled()
    assert len({each.id for each in desk.receiver.received}) == 1
    assert len({each.body for each in desk.receiver.received}) == 1
    [message] = await desk.messages()
    assert [each["statusCode"] for each in message["attempts"]] == [500, 500, 204]
    assert (message["status"], message["reason"]) == ("DONE", None)
    first, second, third = (each.at for each in desk.receiver.received)
    assert second - first >= 0.08
    assert third - second >= 0.16


async def test_after_all_attempts_a_message_is_parked_and_others_go_on(desk: WebhookDesk) -> None:
    await desk.webhook(webhook=STOCK)
    await desk.api.receive(1, "COAT")
    await desk.until_settled()
    desk.receiver.answer = lambda each: Reply(500 if each.event["data"]["sku"] == "TEE" else 204)
    await desk.api.receive(1, "TEE")
    await desk.api.receive(1, "TEE", at="YORK")
    await desk.api.receive(1, "SCARF")

    async def two_are_parked() -> bool:
        return len(await desk.messages(status="PARKED")) == 2

    await desk.until(two_are_parked)
    await desk.until_settled()
    parked = await desk.messages(status="PARKED")
    assert [each["reason"] for each in parked] == ["The receiver answered 500."] * 2
    assert [len(each["attempts"]) for each in parked] == [3, 3]
    assert [each["nextAttemptAt"] for each in parked] == [None, None]
    assert ("MESSAGE_PARKED", "OPEN") in await desk.exceptions()
    assert await desk.events_of("message.parked") == 2
    desk.receiver.answer = accept
    retried = await desk.api.done(RETRY, {"ids": [parked[0]["id"]]}, key=desk.admin)
    assert [each["status"] for each in retried["messages"]] == ["PENDING"]
    assert ("MESSAGE_PARKED", "OPEN") in await desk.exceptions()
    skipped = {"id": parked[1]["id"], "note": "Not needed."}
    [message] = (await desk.api.done(SKIP, skipped, key=desk.admin))["messages"]
    assert (message["status"], message["reason"]) == ("SKIPPED", "Not needed.")
    assert ("MESSAGE_PARKED", "AUTO_RESOLVED") in await desk.exceptions()
    assert await desk.events_of("message.skipped") == 1

    async def is_done() -> bool:
        return not await desk.messages(status="PENDING")

    await desk.until(is_done)
    counts = {each["id"]: each["status"] for each in await desk.messages()}
    assert sorted(counts.values()) == ["DONE", "DONE", "DONE", "SKIPPED"]


@pytest.mark.parametrize("ordering", ["STRICT", "SUBJECT"])
async def test_order_is_kept_beside_failures(desk: WebhookDesk, ordering: str) -> None:
    await desk.webhook(webhook={**STOCK, "ordering": ordering})
    failing = iter(range(10_000))
    desk.receiver.answer = lambda _: Reply(500 if next(failing) % 5 == 1 else 204)
    for number in range(6):
        for sku in ("TEE", "COAT", "SCARF"):
            await desk.api.receive(1 + number, sku)
    await desk.until_settled(seconds=40)
    accepted: dict[str, int] = {}
    for received in desk.receiver.received:
        accepted[received.id] = received.cursor
    assert len(accepted) == 18
    for subject in {each.event["subject"] for each in desk.receiver.received}:
        of_subject = [
            each.cursor for each in desk.receiver.received if each.event["subject"] == subject
        ]
        assert of_subject == sorted(of_subject)
    if ordering == "STRICT":
        cursors = [each.cursor for each in desk.receiver.received]
        assert cursors == sorted(cursors)
        assert desk.receiver.most_at_once == 1


async def test_at_most_eight_calls_run_at_once(desk: WebhookDesk) -> None:
    await desk.webhook(webhook={**STOCK, "ordering": "NONE"})
    desk.receiver.answer = lambda _: Reply(seconds=0.05)
    for number in range(20):
        await desk.api.receive(1 + number)
    await desk.until_settled()
    assert desk.receiver.most_at_once <= 8
    assert len({each.id for each in desk.receiver.received}) == len(desk.receiver.received) == 20


async def test_retry_after_lets_the_whole_endpoint_rest(desk: WebhookDesk) -> None:
    await desk.webhook(webhook={**STOCK, "ordering": "NONE"})
    desk.receiver.answer = lambda _: Reply(429, {"retry-after": "2"})
    await desk.api.receive(1)
    await desk.receiver.until(1)

    async def is_recorded() -> bool:
        return [each["status"] for each in await desk.messages()] == ["RETRYING"]

    await desk.until(is_recorded)
    desk.receiver.answer = accept
    await desk.api.receive(1, "COAT")
    await desk.receiver.until(3)
    first, *others = (each.at for each in desk.receiver.received)
    assert min(others) - first >= 1.9
    await desk.until_settled()
    assert {each["status"] for each in await desk.messages()} == {"DONE"}
    assert await desk.status() == "HEALTHY"


async def test_a_rest_uses_no_attempt_up(desk: WebhookDesk) -> None:
    await desk.webhook(webhook=STOCK)
    desk.receiver.answer = lambda _: Reply(503, {"retry-after": "0"})
    await desk.api.receive(1)
    await desk.receiver.until(8)
    desk.receiver.answer = accept
    await desk.until_settled()
    assert [each["status"] for each in await desk.messages()] == ["DONE"]


async def test_410_pauses_the_webhook_and_a_resume_goes_on(desk: WebhookDesk) -> None:
    await desk.webhook(webhook=STOCK)
    desk.receiver.answer = lambda _: Reply(410)
    await desk.api.receive(1)

    async def is_paused() -> bool:
        return await desk.status() == "PAUSED"

    await desk.until(is_paused)
    assert ("WEBHOOK_DISABLED", "OPEN") in await desk.exceptions()
    await desk.api.receive(1, "COAT")
    before = await desk.position()
    assert len(desk.receiver.received) == 1
    desk.receiver.answer = accept
    await desk.api.done(RESUME, {"code": "shop"}, key=desk.admin)
    await desk.until_settled()
    assert ("WEBHOOK_DISABLED", "AUTO_RESOLVED") in await desk.exceptions()
    assert await desk.position() > before
    assert {each["status"] for each in await desk.messages()} == {"DONE"}
    assert len({each.id for each in desk.receiver.received}) == 2


async def test_a_strict_webhook_stops_at_its_parked_message(desk: WebhookDesk) -> None:
    await desk.webhook(webhook={**STOCK, "ordering": "STRICT"})
    desk.receiver.answer = lambda _: Reply(500)
    await desk.api.receive(1)
    await desk.api.receive(1, "COAT")

    async def is_paused() -> bool:
        return await desk.status() == "PAUSED"

    await desk.until(is_paused)
    assert len({each.id for each in desk.receiver.received}) == 1
    [parked] = await desk.messages(status="PARKED")
    assert await desk.position() < int(parked["cursor"])
    assert ("MESSAGE_PARKED", "OPEN") in await desk.exceptions()
    desk.receiver.answer = accept
    await desk.api.done(RESUME, {"code": "shop"}, key=desk.admin)
    await desk.until_settled()
    assert [each["status"] for each in await desk.messages()] == ["DONE", "DONE"]
    cursors = [each.cursor for each in desk.receiver.received]
    assert cursors == sorted(cursors)
    assert ("MESSAGE_PARKED", "AUTO_RESOLVED") in await desk.exceptions()


async def test_a_skipped_message_lets_a_strict_webhook_go_on(desk: WebhookDesk) -> None:
    await desk.webhook(webhook={**STOCK, "ordering": "STRICT"})
    desk.receiver.answer = lambda _: Reply(500)
    await desk.api.receive(1)
    await desk.api.receive(1, "COAT")

    async def is_paused() -> bool:
        return await desk.status() == "PAUSED"

    await desk.until(is_paused)
    desk.receiver.answer = accept
    [parked] = await desk.messages(status="PARKED")
    await desk.api.done(SKIP, {"id": parked["id"], "note": "n"}, key=desk.admin)
    await desk.api.done(RESUME, {"code": "shop"}, key=desk.admin)
    await desk.until_settled()
    assert [each["status"] for each in await desk.messages()] == ["DONE", "SKIPPED"]


async def test_a_revoked_key_pauses_its_webhook_and_a_successor_serves(desk: WebhookDesk) -> None:
    key = await desk.api.a_key(Role.ADMIN, name="second")
    await desk.webhook("rotated", key=key, webhook=STOCK)
    old = await id_of_key(desk.api, "second")
    await desk.api.done(ROTATE_KEY, {"id": old, "overlap": 0})
    await desk.api.receive(1)
    await desk.receiver.until(1)
    keys = (await desk.api.ask("{ apiKeys { id name revokedAt } }"))["apiKeys"]
    [new] = [each["id"] for each in keys if each["name"] == "second" and not each["revokedAt"]]
    await desk.until_settled("rotated")
    await desk.api.done(REVOKE, {"id": new})

    async def is_paused() -> bool:
        return await desk.status("rotated") == "PAUSED"

    await desk.until(is_paused, seconds=5)
    await desk.api.receive(1, "COAT")
    await desk.api.settled()
    assert len(desk.receiver.received) == 1
