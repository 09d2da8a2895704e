"""GraphiQL, from our own origin: a page, its files, and nothing from anywhere else."""

import html
import json
from collections.abc import Sequence
from pathlib import Path

from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

WEB = Path(__file__).parents[2] / "web"

# Scripts and styles are files of ours, never inline; the page talks to its own origin only and
# nobody may frame it. GraphiQL's stylesheet brings its fonts as data.
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


def example_documents() -> list[str]:
    """The documents that the first tabs show, in order; the README has the same ones."""
    return [path.read_text() for path in sorted((WEB / "examples").glob("*.graphql"))]


def graphiql_page(
    *, endpoint: str = "/graphql", key: str | None = None, documents: Sequence[str] | None = None
) -> HTMLResponse:
    """The page, as an ASGI application that answers every request with it.

    `key`, where given, is written into the page and fills each tab's Authorization header: only a
    demo key may be handed in. Without `documents` the tabs show the examples.
    """
    tabs = example_documents() if documents is None else list(documents)
    config = json.dumps({"endpoint": endpoint, "key": key, "documents": tabs})
    page = (WEB / "graphiql" / "index.html").read_text()
    return HTMLResponse(
        page.replace("{{config}}", html.escape(config)),
        headers={
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Vary": "Accept",
        },
    )


def graphiql_files() -> Mount:
    """The route of the page's scripts and styles, below /graphiql."""
    return Mount("/graphiql", StaticFiles(directory=WEB / "graphiql"), name="graphiql")
