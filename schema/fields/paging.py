"""Connections: keyset pages. A cursor is the encoded sort key of its row."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import orjson
import strawberry

from domain.errors import BadRequest
from models.database.rows import RowT
from models.queries.listing.paging import KeyValues, Page, Window, bad_cursor
from models.queries.listing.selections import EVERYTHING, Selection
from schema.context import Context, Info
from server.projection.list_sizes import PAGE_DEFAULT, PAGE_MAX
from server.projection.records import derived

SIZE_DEFAULT: Final = PAGE_DEFAULT
SIZE_MAX: Final = PAGE_MAX
CURSOR_LENGTH_MAX: Final = 512

T = TypeVar("T")


@strawberry.type
class PageInfo:
    """Position of a page in its list."""

    has_next_page: bool
    """True if rows follow, in the order of the list."""
    has_previous_page: bool
    """True if rows precede it, in the order of the list."""
    start_cursor: str | None
    """Cursor of the first row, for `before`; null if the page is empty."""
    end_cursor: str | None
    """Cursor of the last row, for `after`; null if the page is empty."""


@strawberry.type
class Edge(Generic[T]):
    """A row of a list, with its cursor."""

    cursor: str
    """Opaque; for `after` and `before` in the same list."""
    node: T


class Paged(Generic[T]):
    """A page of a list whose rows become nodes on demand."""

    def __init__(
        self, page: Page[RowT], node: Callable[[RowT, Context], T], context: Context
    ) -> None:
        self.page: Page[Any] = page
        self.node: Callable[[Any, Context], T] = node
        self.context = context
        for join, rows in page.joined.items():
            context.joined.setdefault(join, {}).update(rows)

    def as_nodes(self) -> list[T]:
        """The nodes of the rows."""
        node, context = self.node, self.context
        return [node(row, context) for row in self.page.rows]

    def as_edges(self) -> list[Edge[T]]:
        """The nodes, each with its cursor."""
        cursors = map(self.cursor_of, self.page.rows)
        return [
            Edge(cursor=cursor, node=node)
            for cursor, node in zip(cursors, self.as_nodes(), strict=True)
        ]

    def cursor_of(self, row: Any) -> str:
        """The cursor of a row."""
        return _cursor(self.page.listing.key_of(row))

    def as_page_info(self) -> PageInfo:
        """The position of the page in its list."""
        page = self.page
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=self.cursor_of(page.rows[0]) if page.rows else None,
            end_cursor=self.cursor_of(page.rows[-1]) if page.rows else None,
        )


@strawberry.type(name="Connection")
class Connection(Paged[T]):
    """A page of a list, in the order of the list."""

    edges: list[Edge[T]] = derived(Paged.as_edges)
    nodes: list[T] = derived(Paged.as_nodes)
    page_info: PageInfo = derived(Paged.as_page_info)

    def __init__(
        self, page: Page[RowT], node: Callable[[RowT, Context], T], context: Context
    ) -> None:
        super().__init__(page, node, context)


@strawberry.type(name="Connection")
class CountedConnection(Paged[T]):
    """A page of a list, in the order of the list, and the length of the whole list."""

    edges: list[Edge[T]] = derived(Paged.as_edges)
    nodes: list[T] = derived(Paged.as_nodes)
    page_info: PageInfo = derived(Paged.as_page_info)

    def __init__(
        self, page: Page[RowT], node: Callable[[RowT, Context], T], context: Context
    ) -> None:
        super().__init__(page, node, context)

    @strawberry.field
    async def total_count(self, info: Info) -> int:
        """Number of rows of the whole list that the caller may see; counted only if selected."""
        return await self.page.listing.count(await info.context.session())


def window(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    selection: Selection = EVERYTHING,
) -> Window:
    """The page that the four arguments select; UNSET and null mean the default.

    Raises BadRequest for sizes below 0 or above 250, for both sizes at once, and for invalid
    cursors.
    """
    if first and last:
        raise BadRequest("Send either first or last, not both.")
    if isinstance(last, int):
        size, from_end = last, True
    else:
        size, from_end = first if isinstance(first, int) else SIZE_DEFAULT, False
    if not 0 <= size <= SIZE_MAX:
        raise BadRequest(f"A page has 0 to {SIZE_MAX} rows; {size} were requested.")
    return Window(size, _key(after), _key(before), from_end, selection)


def selection_of(info: Info) -> Selection:
    """The columns that a root field selects of its list's rows; all if unknown."""
    if info.path.prev is not None:
        return EVERYTHING
    return info.context.selections.get(str(info.path.key), EVERYTHING)


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
