"""Connections: pages by keyset whose cursors carry the sort key of their row, opaquely."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import orjson
import strawberry

from domain.errors import BadRequest
from models.queries.paging import KeyValues, Page, Window, bad_cursor
from models.sessions import Row
from schema.context import Context

SIZE_DEFAULT: Final = 50
SIZE_MAX: Final = 250
CURSOR_LENGTH_MAX: Final = 512

T = TypeVar("T")


@strawberry.type
class PageInfo:
    """Whether there is more on either side of a page, and its first and last cursor."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    """A row of a list and the cursor that stands for its place."""

    cursor: str
    node: T


@strawberry.type(name="Connection")
class Connection(Generic[T]):
    """A page of a list, newest first."""

    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo


@strawberry.type(name="Connection")
class CountedConnection(Generic[T]):
    """A page of a list, newest first, and how long the whole list is."""

    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field
    async def total_count(self) -> int:
        """Counted only where it is asked for."""
        return await self.count()


def window(first: int | None, after: str | None, last: int | None, before: str | None) -> Window:
    """The part of a list that the four arguments name; UNSET and null ask for nothing.

    Raises BadRequest for sizes below 0 or above 250, both sizes at once, and foreign cursors.
    """
    if first and last:
        raise BadRequest("Ask for the first or for the last rows, not for both.")
    if isinstance(last, int):
        size, from_end = last, True
    else:
        size, from_end = first if isinstance(first, int) else SIZE_DEFAULT, False
    if not 0 <= size <= SIZE_MAX:
        raise BadRequest(f"A page has 0 to {SIZE_MAX} rows.")
    return Window(size, _key(after), _key(before), from_end)


def _key(cursor: str | None) -> KeyValues | None:
    if not isinstance(cursor, str):
        return None
    if len(cursor) > CURSOR_LENGTH_MAX:
        raise bad_cursor()
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    if not isinstance(key, list):
        raise bad_cursor()
    return key


def _cursor(key: KeyValues) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode()


FromRow = Callable[[Row, Context], T]


def _edges(page: Page, from_row: FromRow[T], context: Context) -> list[Edge[T]]:
    return [
        Edge(cursor=_cursor(key), node=from_row(row, context))
        for row, key in zip(page.rows, page.keys, strict=True)
    ]


def _page_info(page: Page) -> PageInfo:
    return PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=_cursor(page.keys[0]) if page.keys else None,
        end_cursor=_cursor(page.keys[-1]) if page.keys else None,
    )


def connection(page: Page, from_row: FromRow[T], context: Context) -> Connection[T]:
    """A page as GraphQL shows it."""
    edges = _edges(page, from_row, context)
    return Connection(edges=edges, nodes=[edge.node for edge in edges], page_info=_page_info(page))


def counted(page: Page, from_row: FromRow[T], context: Context) -> CountedConnection[T]:
    """A page as GraphQL shows it, of a list that can say how long it is."""
    edges = _edges(page, from_row, context)

    async def count() -> int:
        return await page.listing.count(await context.session())

    return CountedConnection(
        edges=edges,
        nodes=[edge.node for edge in edges],
        page_info=_page_info(page),
        count=count,
    )
