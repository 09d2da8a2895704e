"""The route of payment webhooks: signatures, repeated messages, malformed bodies."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from domain.values.money import Money
from integrations.payments.gateway import Chargeback, PaymentEvent, event_body
from integrations.payments.gateway import PaymentEventType as Told
from integrations.signed_webhooks import WebhookSecrets
from models.database.database import Database
from routes.webhooks import BODY_BYTES_MAX, payment_webhooks
from server.transports.edge import NetworkEdge
from tests.builders.in_process_server import InProcessServer
from tests.builders.refunds import PENDING, RefundDesk, open_refund_desk
from workflows.orders.commands import Payment
from workflows.refunds.gateway_events import receive_payment_event
from workflows.transactions.outcomes import Outcome

SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
OTHER = "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXI="
SECRETS = WebhookSecrets([SECRET, OTHER])


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def client(refund_desk: RefundDesk) -> AsyncIterator[httpx.AsyncClient]:
    async def take(message_id: str, event: PaymentEvent | Chargeback) -> str:
        return await receive_payment_event(refund_desk.shop.transactions, message_id, event)

    app = Starlette(routes=[payment_webhooks(SECRETS, NetworkEdge(), take)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://restow") as opened:
        yield opened


async def send(
    client: httpx.AsyncClient,
    body: bytes,
    *,
    secret: str = SECRET,
    message_id: str = "msg-1",
    age: timedelta = timedelta(0),
) -> httpx.Response:
    headers = WebhookSecrets([secret]).sign(message_id, datetime.now(UTC) - age, body)
    return await client.post("/webhooks/payments", content=body, headers=headers)


async def processing(refund_desk: RefundDesk) -> tuple[Outcome, bytes]:
    """A refund in payment, and the body of the webhook that reports its success."""
    order = await refund_desk.desk.sold(("TEE-M", 1))
    made = await refund_desk.create(order, "1.00")
    await refund_desk.approve(made)
    refund_desk.gateway.answers = [PENDING]
    await refund_desk.pay()
    [attempt] = await refund_desk.attempts(made)
    return made, event_body(PaymentEvent(Told.SUCCEEDED, attempt["key"], "gw-9"))


async def test_a_signed_message_settles_its_refund_once(
    refund_desk: RefundDesk, client: httpx.AsyncClient
) -> None:
    made, body = await processing(refund_desk)
    first = await send(client, body)
    assert (first.status_code, first.json()) == (200, {"result": "applied"})
    assert await refund_desk.status(made) == "SUCCEEDED"
    again = await send(client, body, secret=OTHER)
    assert (again.status_code, again.json()) == (200, {"result": "repeated"})


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"secret": "whsec_" + "d3Jvbmd3cm9uZ3dyb25nd3Jvbmc="}, 401),
        ({"age": timedelta(minutes=6)}, 401),
        ({"age": timedelta(minutes=-6)}, 401),
        ({"message_id": "a.b"}, 401),
    ],
)
async def test_a_message_that_cannot_be_believed_changes_nothing(
    refund_desk: RefundDesk, client: httpx.AsyncClient, facts: dict[str, object], status: int
) -> None:
    made, body = await processing(refund_desk)
    answer = await send(client, body, **facts)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert await refund_desk.status(made) == "PROCESSING"


async def test_a_message_without_a_signature_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks/payments", content=b"{}")).status_code == 401
    assert (await client.get("/webhooks/payments")).status_code == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", 400), (b"[]", 400), (b"\xff", 400), (b" " * (BODY_BYTES_MAX + 1), 413)],
)
async def test_a_malformed_body_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    headers = {} if body == b"\xff" else SECRETS.sign("msg-1", datetime.now(UTC), body)
    answer = await client.post("/webhooks/payments", content=body, headers=headers)
    assert answer.status_code == (status if headers else 401)


async def test_a_chargeback_is_booked_or_refused(
    refund_desk: RefundDesk, client: httpx.AsyncClient
) -> None:
    await refund_desk.desk.sold(("TEE-M", 1), payments=(Payment("pay-7", Money(1000, "GBP")),))
    facts = {"type": "payment.chargeback", "key": "pay-7", "amountMinor": 1000, "currency": "GBP"}
    for wrong in ({"amountMinor": 1001}, {"amountMinor": True}, {"currency": "XXX"}, {"key": ""}):
        refused = await send(client, orjson.dumps({**facts, **wrong}), message_id="msg-0")
        assert refused.status_code == 400
    answer = await send(client, orjson.dumps({**facts, "reason": "fraudulent"}))
    assert (answer.status_code, answer.json()) == (200, {"result": "applied"})
    assert (await refund_desk.balances())["receivables"] == 1000


async def test_a_key_that_is_not_ours_is_taken_and_left(client: httpx.AsyncClient) -> None:
    answer = await send(client, event_body(PaymentEvent(Told.FAILED, "nobody's")))
    assert (answer.status_code, answer.json()) == (200, {"result": "unknown key"})


async def test_without_a_secret_no_webhook_is_believed(api: InProcessServer) -> None:
    body = event_body(PaymentEvent(Told.SUCCEEDED, "k"))
    headers = SECRETS.sign("msg-1", datetime.now(UTC), body)
    answer = await api.client.post("/webhooks/payments", content=body, headers=headers)
    assert answer.status_code == 401
