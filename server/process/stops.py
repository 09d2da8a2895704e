"""The response to requests that still run when the time for a stop is over.

The server cancels them. A change may be committed nevertheless, because transactions are not
cancelled with their request. So the client must ask again with the same idempotency key.
"""

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import Scope, Send

STOPPED: Final = "The server stops before the result is known: ask again with the same key."
_HEADERS: Final = {"Connection": "close", "Retry-After": "1", "Cache-Control": "no-store"}


async def answer_stop(scope: Scope, send: Send) -> None:
    """Send 503, for `/graphql` as a top-level error."""
    body: dict[str, object] = {"error": STOPPED}
    if scope["path"] == "/graphql":
        body = {"errors": [{"message": STOPPED, "extensions": {"code": "UNAVAILABLE"}}]}
    response = JSONResponse(body, 503, _HEADERS)
    await send({"type": "http.response.start", "status": 503, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})
