"""Webhooks: each message is processed once; its signature covers id, time and body.

Responses: 200 with the result (also for a repeated message), 400 for a malformed body, 401 for a
signature that is wrong or older than five minutes, 408 for a body that is too slow, 413 for one
that is too large, 503 while the database is unavailable. After 408, 429 and 503 the sender retries.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.carriers.reports import CarrierReport, parse_reports
from integrations.payments.gateway import Chargeback, PaymentEvent, parse_event
from integrations.signed_webhooks import SignedMessage, Verifier, WebhookRefused
from models.database.sessions import DatabaseError
from server.operations.errors import RequestRefused
from server.transports.bodies import ClientLeft, read_body
from server.transports.edge import NetworkEdge

logger = structlog.get_logger(__name__)

BODY_BYTES_MAX = 65_536

# Processes a verified message and returns the result. Raises ValueError for a malformed body.
Take = Callable[[SignedMessage], Awaitable[Mapping[str, Any]]]


def webhook_route(path: str, secrets: Verifier, edge: NetworkEdge, take: Take) -> Route:
    """A route that receives signed messages at `path`."""

    async def receive(request: Request) -> Response:
        try:
            body = await read_body(request.scope, request.receive, edge, BODY_BYTES_MAX)
            message = secrets.verify(request.headers, body)
            return JSONResponse(dict(await take(message)))
        except WebhookRefused as refused:
            logger.warning("webhooks.refused", path=path, reason=str(refused))
            return _refusal(401, str(refused))
        except ValueError as error:
            return _refusal(400, str(error))
        except RequestRefused as refused:
            return _refusal(refused.status, refused.message, refused.headers)
        except ClientLeft:
            return _refusal(400, "the body is incomplete")
        except (DatabaseError, TimeoutError):
            return _refusal(503, "the database is unavailable; send the message again")

    return Route(path, receive, methods=["POST"])


def payment_webhooks(
    secrets: Verifier,
    edge: NetworkEdge,
    take: Callable[[str, PaymentEvent | Chargeback], Awaitable[str]],
) -> Route:
    """`/webhooks/payments`: reports of the payment gateway on refunds, and chargebacks.

    `edge` limits the bodies, as for all requests. `take` gets the id of the message and the event.
    """

    async def take_event(message: SignedMessage) -> Mapping[str, Any]:
        return {"result": await take(message.id, parse_event(message.body))}

    return webhook_route("/webhooks/payments", secrets, edge, take_event)


def carrier_webhooks(
    secrets: Verifier,
    edge: NetworkEdge,
    take: Callable[[str, Sequence[CarrierReport]], Awaitable[list[str]]],
) -> Route:
    """`/webhooks/carriers`: reports of carriers about parcels.

    `edge` limits the bodies, as for all requests. `take` gets the message's id and its reports.
    """

    async def take_reports(message: SignedMessage) -> Mapping[str, Any]:
        return {"taken": await take(message.id, parse_reports(message.body))}

    return webhook_route("/webhooks/carriers", secrets, edge, take_reports)


def _refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": reason}, status, headers)
