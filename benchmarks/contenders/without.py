"""Serve Restow with one of its fast paths replaced by the library's own way, or unprotected.

    python -m benchmarks.contenders.without PIECE

Only this module makes the replacement: the program has no switch for it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from graphql.execution.values import VariableValues, get_variable_values
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import scripts.serve
import server.operations.engine
from server.operations.deadlines import Deadlines, Running
from server.operations.documents import Document, DocumentCache
from server.operations.variables import Variables
from server.process.cost_buckets import CostBuckets
from server.process.rate_limits import RateLimits
from server.transports.direct_routes import DirectRoutes
from server.transports.send_queue import SendQueue
from workflows.ledger.sealing import Sealing


def without_input_coercion() -> None:
    """Variables are coerced by graphql-core, type by type, for each request."""

    def of(self: Variables, document: Document, inputs: dict[str, Any]) -> VariableValues | Any:
        definitions = document.operation.variable_definitions or ()
        return get_variable_values(self._schema, definitions, inputs)

    Variables.of = of  # type: ignore[method-assign]


def without_root_resolvers() -> None:
    """Strawberry converts the arguments of root fields and wraps their resolvers per request."""
    setattr(server.operations.engine, "resolve_at_once", lambda *_: None)  # noqa: B010


def without_direct_routes() -> None:
    """Requests to /graphql go through Starlette's router and exception handlers."""

    def routed(self: DirectRoutes, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, send)

    DirectRoutes.__call__ = routed  # type: ignore[method-assign]


def without_eager_send() -> None:
    """Every frame of a socket is sent by a task of its own."""

    async def whole(queue: SendQueue, frame: str) -> None:
        await queue._send({"type": "websocket.send", "text": frame})
        await queue._drain()

    def send_now(self: SendQueue, frame: str) -> bool:
        if self._writing is not None or self._is_over:
            return False
        self._writing = asyncio.create_task(whole(self, frame))
        return True

    SendQueue.send_now = send_now  # type: ignore[method-assign]


def without_write_coalescing() -> None:
    """Each frame is written to its socket at once, by uvicorn's own websockets."""
    setattr(scripts.serve, "CoalescingWebSockets", "websockets-sansio")  # noqa: B010


def without_protections() -> None:
    """No limits of headers, bodies and time, no rates and costs, no seals of audit entries."""
    setattr(scripts.serve, "GuardedHttp", HttpToolsProtocol)  # noqa: B010
    setattr(server.operations.engine, "cost_of", lambda *_: 1)  # noqa: B010
    setattr(server.operations.engine, "check_strings", lambda *_: None)  # noqa: B010
    idle = Running(None, 0.0)

    async def no_seals(_: Sealing) -> int:
        return 0

    replaced: Mapping[tuple[type, str], Callable[..., object]] = {
        (Deadlines, "start"): lambda _: idle,
        (Deadlines, "end"): lambda *_: None,
        (DocumentCache, "price"): lambda *_: 0,
        (RateLimits, "charge"): lambda *_: None,
        (CostBuckets, "charge"): lambda *_: None,
        (Sealing, "seal"): no_seals,
    }
    for (owner, name), substitute in replaced.items():
        setattr(owner, name, substitute)


PIECES: Mapping[str, Callable[[], None]] = {
    "input coercion": without_input_coercion,
    "root resolvers": without_root_resolvers,
    "direct routes": without_direct_routes,
    "eager send": without_eager_send,
    "write coalescing": without_write_coalescing,
    "protections": without_protections,
}


if __name__ == "__main__":
    PIECES[" ".join(sys.argv[1:])]()
    scripts.serve.main()
