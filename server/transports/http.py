"""HTTP: GraphQL over HTTP as one ASGI endpoint.

The steps are: find the caller and take a rate token, read the request within its limits, take more
tokens if its document is new, prepare it, make its context, execute, encode. Each step costs more
than the one before, so a client without a key cannot make the server read, parse or validate. A
refusal at any step is a response with top-level errors and their HTTP status.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import OperationType
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.access.callers import Caller
from server.operations.answers import Answer, encoded
from server.operations.engine import Engine, Operation, Response, stays
from server.operations.errors import (
    UNAUTHENTICATED,
    DocumentRefused,
    RequestRefused,
    bad_request,
)
from server.operations.limits import RequestLimits
from server.operations.request import (
    GraphQLRequest,
    decode_json,
    request_of,
    request_of_query_string,
)
from server.projection.contexts import OperationCharge
from server.transports.bodies import ClientLeft, read_body
from server.transports.edge import HAS_LEFT, NetworkEdge
from server.transports.negotiation import (
    GRAPHQL_RESPONSE,
    JSON,
    accepts_events,
    accepts_html,
    check_content_type,
    response_type,
)
from server.transports.server_sent_events import EventStreams


class ResolverContext(Protocol):
    """The `info.context` of resolvers; it lives as long as one operation."""

    charge: OperationCharge | None

    async def close(self) -> None:
        """Release the resources of the operation (the connection of a snapshot)."""


ContextFactory = Callable[[Caller, Operation], ResolverContext]
# Finds the caller of a request, from its Authorization header and its address, and takes a token.
Admit = Callable[[str | None, str | None], Awaitable[Caller]]
Charge = Callable[[Caller, int], None]


@dataclass(frozen=True, slots=True)
class Observation:
    """One completed request, for metrics; `operation` is None if it was refused before."""

    operation: Operation | None
    status: int
    seconds: float
    codes: Sequence[str]  # of the top-level errors


class GraphQLEndpoint:
    """An ASGI application for `/graphql` over HTTP.

    - `context_factory` makes the context of one operation, and takes its cost.
    - `admit` is called before the body is read, and `charge` before a new document is parsed. All
      three may raise RequestRefused (UNAUTHENTICATED with 401, RATE_LIMITED with 429, …).
    - `page`, if given, serves GET requests without a query that accept text/html.
    - `streams`, if given, serves subscriptions as server-sent events, and every operation of a
      client that accepts only that media type.
    - `observe`, if given, is called after every response.
    - The request id is `scope["state"]["request_id"]` if a middleware has set one.
    """

    def __init__(
        self,
        engine: Engine,
        context_factory: ContextFactory,
        *,
        new_request_id: Callable[[], str],
        edge: NetworkEdge | None = None,
        admit: Admit,
        charge: Charge,
        page: ASGIApp | None = None,
        observe: Callable[[Observation], None] | None = None,
        streams: EventStreams | None = None,
    ) -> None:
        self._engine = engine
        self._context_factory = context_factory
        self._new_request_id = new_request_id
        self._edge = edge or NetworkEdge()
        self._admit = admit
        self._charge = charge
        self._page = page
        self._observe = observe
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request(scope, receive)
        if self._page is not None and _wants_page(request):
            await self._page(scope, receive, send)
            return
        exchange = _Exchange(
            request,
            scope.get("state", {}).get("request_id") or self._new_request_id(),
            # Of a repeated header the first value counts, as in `request.headers`.
            dict(reversed(scope["headers"])),
        )
        try:
            self._choose_media_type(exchange, exchange.header(b"accept"))
            response = await self._answer(exchange, send)
            if response is None:
                return
            answer, body = response
            status, extra = _status_of(answer)
        except ClientLeft:
            return
        except Exception as error:  # noqa: BLE001  whatever it is, the client gets an answer
            answer, status, extra = self._refusal(exchange, error)
            body = encoded(answer)
        if self._observe is not None:
            self._observe(exchange.observation(status, answer))
        await _send(send, status, exchange.media_type, body, extra)

    def _refusal(
        self, exchange: "_Exchange", error: Exception
    ) -> tuple[Answer, int, dict[str, str]]:
        """The response, status and headers for an error.

        No variable of `__call__` may keep the error: through its traceback it would keep all the
        variables of the request until the next garbage collection.
        """
        refused = (
            error
            if isinstance(error, RequestRefused)
            else self._engine.answers.failure(error, exchange.request_id)
        )
        return {"errors": refused.errors}, exchange.status_of(refused), refused.headers

    def _choose_media_type(self, exchange: "_Exchange", accept: str | None) -> None:
        exchange.takes_events = self._streams is not None and accepts_events(accept)
        try:
            exchange.media_type = response_type(accept)
        except RequestRefused:
            if not exchange.takes_events:
                raise
            exchange.takes_events_only = True

    async def _answer(self, exchange: "_Exchange", send: Send) -> Response | None:
        """The response; None if it was streamed."""
        request = exchange.request
        if request.method not in ("GET", "POST"):
            raise bad_request("GraphQL is served over GET and POST.", 405, allow="GET, POST")
        address = request.client.host if request.client else None
        caller = await self._admit(exchange.header(b"authorization"), address)
        sent = await _read(exchange, self._edge, self._engine.limits)
        asked = self._engine.resolve(sent, caller)
        if price := self._engine.price(asked):
            self._charge(caller, price)
        operation = exchange.operation = self._engine.prepare(
            asked,
            request_id=exchange.request_id,
            idempotency_header=_idempotency_header(exchange),
            has_left=request.scope.get("state", {}).get(HAS_LEFT, stays),
        )
        is_stream = operation.type is OperationType.SUBSCRIPTION
        if is_stream and not exchange.takes_events:
            raise bad_request("Subscriptions need a WebSocket or text/event-stream.")
        if operation.type is OperationType.MUTATION and request.method == "GET":
            raise bad_request("Mutations are sent with POST.", 405, allow="POST")
        if exchange.takes_events_only or is_stream:
            assert self._streams is not None
            await self._streams.serve(request, caller, asked, operation, send)
            return None
        context = self._context_factory(caller, operation)
        try:
            return await self._engine.respond(operation, context)
        finally:
            await context.close()


@dataclass(slots=True)
class _Exchange:
    """The state of one request while it is answered."""

    request: Request
    request_id: str
    headers: Mapping[bytes, bytes]
    media_type: str = JSON
    takes_events: bool = False
    takes_events_only: bool = False
    operation: Operation | None = None
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started = time.perf_counter()

    def header(self, name: bytes) -> str | None:
        """The value of a header, named in lower case."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def status_of(self, refused: RequestRefused) -> int:
        """The HTTP status. With application/json, 4xx is for requests that are not GraphQL."""
        if isinstance(refused, DocumentRefused) and self.media_type != GRAPHQL_RESPONSE:
            return 200
        return refused.status

    def observation(self, status: int, answer: Answer) -> Observation:
        """The completed request, for metrics."""
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        seconds = time.perf_counter() - self.started
        return Observation(self.operation, status, seconds, codes)


def _status_of(answer: Answer) -> tuple[int, dict[str, str]]:
    """The status and headers of a response: 401 if a missing key left no data."""
    if "errors" not in answer:
        return 200, {}
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    values = (answer["data"] or {}).values()
    if codes == {UNAUTHENTICATED} and all(value is None for value in values):
        return 401, {"WWW-Authenticate": "Bearer"}
    return 200, {}


def _wants_page(request: Request) -> bool:
    return (
        request.method == "GET"
        and "query" not in request.query_params
        and "documentId" not in request.query_params
        and accepts_html(request.headers.get("accept"))
    )


async def _read(exchange: _Exchange, edge: NetworkEdge, limits: RequestLimits) -> GraphQLRequest:
    request = exchange.request
    if request.method == "GET":
        return request_of_query_string(request.scope["query_string"])
    check_content_type(exchange.header(b"content-type"))
    if exchange.header(b"content-encoding") not in (None, "identity"):
        raise bad_request("Compressed bodies are not supported.", 415)
    body = await read_body(request.scope, request.receive, edge, limits.body_bytes)
    return request_of(decode_json(body))


def _idempotency_header(exchange: _Exchange) -> str | None:
    if b"idempotency-key" not in exchange.headers:
        return None
    values = set(exchange.request.headers.getlist("idempotency-key"))
    if len(values) > 1:
        raise bad_request("Idempotency-Key was sent twice, with different values.")
    [value] = values
    if not (value.isascii() and value.isprintable()):
        raise bad_request("Idempotency-Key must consist of printable ASCII characters.")
    return value


async def _send(
    send: Send, status: int, media_type: str, body: bytes, extra: dict[str, Any]
) -> None:
    headers = [
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"accept"),
    ]
    headers += [(name.lower().encode(), value.encode()) for name, value in extra.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
