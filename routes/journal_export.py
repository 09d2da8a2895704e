"""`/export/journal.csv`: the journal as a table, for callers that may read the ledger.

One row per journal line, oldest first, limited to the channels and locations in the scope of the
key. Parameters: `from` (inclusive) and `to` (exclusive), instants in ISO 8601 compared with
`effectiveAt`; `account`; `reference`. Entries posted while the file is sent are not included.
"""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

import models.queries.reads.ledger as ledger_reads
from domain.access.callers import Caller
from domain.errors import BadRequest, RequestError
from domain.values.instants import YEARS, instant_in
from domain.values.money import Money, to_decimal
from models.database.database import Database
from models.queries.listing.scopes import Scope, scope_of
from models.queries.reads.ledger import ExportedLineRow, JournalCut
from schema.context import Services
from schema.errors import top_level
from schema.permissions import admit
from server.operations.errors import RequestRefused
from server.process.callers import Callers

PERMISSION: Final = "ledger.read"
PAGE: Final = 1_000
COLUMNS: Final = (
    "entry",
    "postedAt",
    "effectiveAt",
    "reference",
    "memo",
    "reverses",
    "channel",
    "location",
    "actor",
    "account",
    "currency",
    "debit",
    "credit",
)
_PARAMETERS: Final = frozenset({"from", "to", "account", "reference"})
# First characters that make a spreadsheet interpret a text as a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def journal_export(services: Services, callers: Callers) -> Route:
    """The route of the journal's export."""

    async def export(request: Request) -> Response:
        try:
            address = request.client.host if request.client else None
            caller = await callers.find(request.headers.get("authorization"), address)
            admit(caller, PERMISSION)
            cut = _cut(request, services.clock())
        except RequestRefused as refused:
            body = {"error": refused.message, "code": refused.code}
            return JSONResponse(body, refused.status, refused.headers)
        except RequestError as error:
            found = top_level(error)
            assert found is not None
            body = {"error": found.message, "code": found.code}
            return JSONResponse(body, found.status)
        return StreamingResponse(
            _lines(services.database, caller, cut),
            media_type="text/csv",
            headers={
                "Content-Disposition": 'attachment; filename="journal.csv"',
                "Cache-Control": "no-store",
            },
        )

    return Route("/export/journal.csv", export)


def _cut(request: Request, now: datetime) -> JournalCut:
    asked = request.query_params
    unknown = sorted(set(asked) - _PARAMETERS)
    if unknown:
        allowed = ", ".join(sorted(_PARAMETERS))
        raise BadRequest(f"Unknown parameter {unknown[0]!r}; allowed: {allowed}.")
    return JournalCut(
        posted_until=now,
        since=_instant(asked, "from"),
        until=_instant(asked, "to"),
        account=asked.get("account"),
        reference=asked.get("reference"),
    )


def _instant(asked: Mapping[str, str], name: str) -> datetime | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        # A plus sign in a URL is decoded as a space.
        instant = instant_in(text.replace(" ", "+"))
    except ValueError:
        raise BadRequest(f"{name} must be an ISO 8601 instant.") from None
    if instant is None:
        raise BadRequest(
            f"{name} needs a time zone, like 2026-03-31T00:00:00Z, and must be {YEARS}."
        )
    return instant


async def _lines(database: Database, caller: Caller, cut: JournalCut) -> AsyncIterator[str]:
    """The lines of the file, page by page.

    Each page has its own snapshot, so that a slow client holds no connection.
    """
    yield _row(COLUMNS)
    scope: Scope | None = None
    after: tuple[Any, ...] | None = None
    while True:
        async with database.snapshot() as session:
            scope = scope or await scope_of(session, caller)
            rows = await ledger_reads.journal_lines(session, scope, cut, after, PAGE)
        if not rows:
            return
        yield "".join(_row(_cells(row)) for row in rows)
        last = rows[-1]
        after = (last["effective_at"], last["entry_id"], last["line_no"])


def _cells(row: ExportedLineRow) -> tuple[str, ...]:
    currency = row["currency"]

    def amount(minor: int) -> str:
        return str(to_decimal(Money(minor, currency))) if minor else ""

    return (
        str(row["entry_id"]),
        row["posted_at"].isoformat(),
        row["effective_at"].isoformat(),
        _text(row["reference"]),
        _text(row["memo"]),
        "" if row["reverses_id"] is None else str(row["reverses_id"]),
        _text(row["channel"]),
        _text(row["location"]),
        _text(row["actor"]),
        row["account"],
        currency,
        amount(row["debit_minor"]),
        amount(row["credit_minor"]),
    )


def _text(value: str | None) -> str:
    if value is None:
        return ""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _row(cells: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
