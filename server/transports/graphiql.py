"""GraphiQL, served from the same origin: a page and its files, without external resources."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from graphql import OperationDefinitionNode, parse
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

WEB = Path(__file__).parents[2] / "web"

# Scripts and styles are files of the same origin, never inline. The page connects to its own origin
# only and cannot be framed. GraphiQL's stylesheet contains its fonts as data.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src data:",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


# A foreign page can resolve its own name to 127.0.0.1 (DNS rebinding) and could then read the key
# from the same origin; but the Host header contains its name.
LOOPBACK_HOST: Final = re.compile(
    r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE
)


def example_documents() -> list[str]:
    """The documents that the first tabs show, in order; the README has the same ones."""
    return [path.read_text() for path in sorted((WEB / "examples").glob("*.graphql"))]


def _tab(document: str) -> Mapping[str, str]:
    """A tab with the document, and a placeholder for each of its variables."""
    names = [
        variable.variable.name.value
        for definition in parse(document).definitions
        if isinstance(definition, OperationDefinitionNode)
        for variable in definition.variable_definitions or ()
    ]
    values = {"variables": json.dumps(dict.fromkeys(names, ""), indent=2)} if names else {}
    return {"query": document, **values}


class GraphiQLPage:
    """The page, as an ASGI application that serves it for every request.

    `key`, if given, is written into the page and fills the Authorization header of each tab. Only a
    demo key may be passed. It is included if the browser requested a loopback host name, and
    omitted for any other host. Without `documents` the tabs show the examples.
    """

    def __init__(
        self,
        *,
        endpoint: str = "/graphql",
        key: str | None = None,
        documents: Sequence[str] | None = None,
    ) -> None:
        tabs = [_tab(each) for each in (example_documents() if documents is None else documents)]
        self._with_key = _answer({"endpoint": endpoint, "key": key, "tabs": tabs})
        self._without_key = _answer({"endpoint": endpoint, "key": None, "tabs": tabs})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        hosts = Headers(scope=scope).getlist("host")
        is_here = len(hosts) == 1 and LOOPBACK_HOST.fullmatch(hosts[0])
        await (self._with_key if is_here else self._without_key)(scope, receive, send)


def _answer(config: Mapping[str, object]) -> HTMLResponse:
    page = (WEB / "graphiql" / "index.html").read_text()
    return HTMLResponse(
        page.replace("{{config}}", html.escape(json.dumps(config))),
        headers={
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Vary": "Accept, Host",
        },
    )


def graphiql_files() -> Mount:
    """The route of the page's scripts and styles, below /graphiql."""
    return Mount("/graphiql", StaticFiles(directory=WEB / "graphiql"), name="graphiql")


def graphiql_entrance() -> Route:
    """The route that leads from `/` to GraphiQL."""

    async def enter(_: Request) -> Response:
        return RedirectResponse("/graphql", 307, {"Cache-Control": "no-store"})

    return Route("/", enter)


def schema_document(sdl: Path) -> Route:
    """The route of the schema in SDL, from a file. It is served where introspection is on."""
    text = sdl.read_text()

    async def show(_: Request) -> Response:
        return PlainTextResponse(text)

    return Route("/schema.graphql", show)
