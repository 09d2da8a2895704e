"""Keyset pagination: rows after a given row, never by OFFSET.

A list is newest first unless it is sorted otherwise, and sorted last by a unique column. So the
edges of a page stay the same while new rows are added before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any, Generic, Literal, Self, cast
from uuid import UUID

from domain.errors import BadRequest
from domain.returns.states import references_named
from domain.values.codes import comparison_key
from models.database.rows import Row, RowT
from models.database.sessions import Session
from models.queries.listing.scopes import CHECKED
from models.queries.listing.selections import EVERYTHING, JoinedRows, Selection, ShownColumns
from models.queries.listing.whole_lists import whole_list

Kind = Literal["bigint", "uuid", "instant", "text"]
Direction = Literal["ASC", "DESC"]
KeyValues = Sequence[Any]
BIGINT_MAX = 2**63 - 1
BLOCK = 250
# The place of rows without a time in a list that is sorted by it: after all others if it ascends.
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
NEVER_SQL = "'9999-12-31 00:00:00.000000+00:00'"


@dataclass(frozen=True, slots=True)
class Window:
    """The requested part of a list: `size` rows after `after` and before `before`, from either end.

    `selection`: the columns and joins that are shown.
    """

    size: int
    after: KeyValues | None = None
    before: KeyValues | None = None
    from_end: bool = False
    selection: Selection = EVERYTHING


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column that a list is sorted by, and its name in the rows.

    `is_optional`: rows without an instant are sorted as NEVER.
    """

    column: str
    name: str
    kind: Kind
    is_optional: bool = False

    @property
    def expression(self) -> str:
        """The expression in the SELECT of the list."""
        return self._sorted(self.column)

    def of(self, alias: str) -> str:
        """The expression for rows of the list under this alias."""
        return self._sorted(f"{alias}.{self.name}")

    def _sorted(self, column: str) -> str:
        return f"COALESCE({column}, {NEVER_SQL})" if self.is_optional else column

    def read(self, value: Any) -> Any:
        """Parse a value from a cursor. Raises BadRequest if it has another type."""
        try:
            if self.kind == "uuid":
                return UUID(value)
            if self.kind == "instant":
                return _aware(datetime.fromisoformat(value))
            if self.kind == "text" and isinstance(value, str):
                return value
        except (TypeError, ValueError, AttributeError):
            raise bad_cursor() from None
        if type(value) is not int or abs(value) > BIGINT_MAX:
            raise bad_cursor()
        return value

    @staticmethod
    def write(value: Any) -> str | int:
        """The JSON value for a cursor."""
        if value is None:
            return NEVER.isoformat()
        if isinstance(value, datetime):
            return value.isoformat()
        return value if isinstance(value, int) else str(value)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return instant


def bad_cursor() -> BadRequest:
    """The error for a cursor that no page has returned."""
    return BadRequest("The cursor is not one that this list has given.")


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """Rows in the list's order, and whether more rows exist on either side.

    With a selection, a page has only the selected columns. `joined`: the joined rows, by key.
    """

    rows: Sequence[RowT]
    has_next: bool
    has_previous: bool
    listing: Listing[RowT]
    joined: Mapping[JoinedRows, Mapping[Any, Any]]


class Listing(Generic[RowT]):
    """A SELECT that is narrowed by conditions and read page by page.

    It is newest first unless `sorted_by` states another order.
    """

    def __init__(self, row_type: type[RowT], columns: str, source: str, *order: SortKey) -> None:
        self._row_type = row_type
        self._columns = columns
        self._source = source
        self._order = order
        self._direction: Direction = "DESC"
        self._conditions: list[str] = []
        self._values: list[object] = []
        self._parts: list[str] = []
        self._is_merged = False

    def sorted_by(self, *order: SortKey, direction: Direction) -> Self:
        """Sort the list by these keys; the last one is unique."""
        self._order, self._direction = order, direction
        return self

    def where(self, condition: str, *values: object) -> Self:
        """Only rows with this condition; each `{}` becomes the placeholder of a value."""
        self._conditions.append(self._placed(condition, values))
        return self

    def either(self, *parts: tuple[str, Sequence[object]]) -> Self:
        """Only rows with one of these conditions. No row may have two of them.

        Each part is read by itself, in the order of the list: one index rarely serves all.
        """
        self._parts = [self._placed(condition, values) for condition, values in parts]
        return self

    def merged(self, *parts: tuple[str, Sequence[object]]) -> Self:
        """Like `either`, for a list of one table whose other conditions no index serves.

        PostgreSQL checks them after the parts were merged. A part in which few rows have them would
        be read as a whole otherwise.
        """
        self._is_merged = True
        return self.either(*parts)

    def _placed(self, condition: str, values: Sequence[object]) -> str:
        places = [f"${len(self._values) + n}" for n in range(1, len(values) + 1)]
        self._values.extend(values)
        return condition.format(*places)

    def equal(self, column: str, value: object | None) -> Self:
        """Only rows with this value; None: no condition."""
        return self if value is None else self.where(f"{column} = {{}}", value)

    def coded(self, column: str, table: str, code: str | None) -> Self:
        """Only rows that refer to the row of `table` with this code; None: no condition."""
        if code is None:
            return self
        found = f"{column} = (SELECT id FROM {table} WHERE code_key = {{}})"
        return self.where(found, comparison_key(code))

    def referring(self, column: str, reference: str | None) -> Self:
        """Only rows with this reference, or with the number that it spells; None: no condition."""
        if reference is None:
            return self
        return self.where(f"{column} = ANY({{}}::text[])", references_named(reference))

    async def page(self, session: Session, window: Window) -> Page[RowT]:
        """One page; it reads one more row than requested, to know if more rows follow.

        One condition has an index in the order of the list, so one plan fits all its values. Which
        of several indexes is best depends on the values.
        """
        if len(self._conditions) > 1:
            session.lock.need_snapshot()
        values = list(self._values)
        beside = self._beside_window(window, values)
        direction = _REVERSED[self._direction] if window.from_end else self._direction
        if self._is_merged and session.engine == "postgres":
            sql = self._merged(beside, direction, window.size + 1)
        else:
            sql = self._page([*self._conditions, *beside], direction, window.size + 1)
        selection = window.selection.on(session.engine)
        rows = list(await self._rows(session, sql, values, selection, direction))
        has_more = len(rows) > window.size
        del rows[window.size :]
        if window.from_end:
            rows.reverse()
        return Page(
            rows=rows,
            has_next=window.before is not None if window.from_end else has_more,
            has_previous=has_more if window.from_end else window.after is not None,
            listing=self,
            joined={join: join.rows(cast("Sequence[Row]", rows)) for join in selection.joins},
        )

    def _page(self, conditions: Sequence[str], direction: Direction, limit: int) -> str:
        pages = [
            f"SELECT {self._columns} {self._limited([*conditions, *part], direction, limit)}"
            for part in ([[part] for part in self._parts] or [[]])
        ]
        if len(pages) == 1:
            return pages[0]
        parts = " UNION ALL ".join(f"SELECT * FROM ({page}) AS part" for page in pages)
        order = self._ordered("parts", direction)
        return f"SELECT * FROM ({parts}) AS parts ORDER BY {order} LIMIT {limit}"

    def _merged(self, beside: Sequence[str], direction: Direction, limit: int) -> str:
        """The first rows of the merged parts that meet the other conditions.

        The parts are merged block by block, and each block begins after the last row of the one
        before. PostgreSQL takes the rows of a block one by one, as long as the page needs more.
        """
        alias = self._source.split()[1]
        sign = "<" if direction == "DESC" else ">"
        keys = ", ".join(key.expression for key in self._order)
        last = ", ".join(key.of("walk") for key in self._order)
        first = self._block(beside, direction)
        next_ = self._block([*beside, f"({keys}) {sign} ({last})"], direction)
        page = (
            f"WITH RECURSIVE walk AS (({first}) UNION ALL SELECT block.* FROM walk"
            f" CROSS JOIN LATERAL ({next_}) AS block WHERE walk.place = {BLOCK})"
            f" SELECT {self._columns} FROM walk AS {alias}{_where(self._conditions)} LIMIT {limit}"
        )
        return f"SELECT * FROM ({page}) AS parts ORDER BY {self._ordered('parts', direction)}"

    def _block(self, beside: Sequence[str], direction: Direction) -> str:
        alias = self._source.split()[1]
        parts = " UNION ALL ".join(
            f"SELECT * FROM (SELECT * {self._limited([part, *beside], direction, BLOCK)}) AS part"
            for part in self._parts
        )
        order = self._ordered(alias, direction)
        return (
            f"SELECT {alias}.*, row_number() OVER (ORDER BY {order}) AS place"
            f" FROM (SELECT * FROM ({parts}) AS {alias} ORDER BY {order} LIMIT {BLOCK}) AS {alias}"
        )

    def _limited(self, conditions: Sequence[str], direction: Direction, limit: int) -> str:
        order = ", ".join(f"{key.expression} {direction}" for key in self._order)
        return f"FROM {self._source}{_where(conditions)} ORDER BY {order} LIMIT {limit}"

    def _ordered(self, alias: str, direction: Direction) -> str:
        return ", ".join(f"{key.of(alias)} {direction}" for key in self._order)

    async def _rows(
        self,
        session: Session,
        page: str,
        values: Sequence[object],
        selection: Selection,
        direction: Direction,
    ) -> Sequence[RowT]:
        if selection == EVERYTHING:
            return await session.rows(self._row_type, page, *values)
        sql = selection.statement(page, partial(self._shown, page, selection, direction))
        shown = await session.fetch(sql, *values)
        return cast("Sequence[RowT]", shown)

    def _shown(self, page: str, selection: Selection, direction: Direction) -> str:
        """Joins of a page: the page is limited first; else all rows would be joined and sorted."""
        columns = "page.*"
        if selection.columns is not None:
            names = selection.columns.union(key.name for key in self._order)
            columns = ", ".join(f"page.{name}" for name in sorted(names))
        tables = ""
        for number, join in enumerate(selection.joins):
            columns += join.selected(f"j{number}")
            tables += join.source(f"j{number}", "page")
        order = self._ordered("page", direction)
        return f"SELECT {columns} FROM ({page}) AS page{tables} ORDER BY {order}"

    async def all(self, session: Session, limit: int) -> Sequence[RowT]:
        """The newest rows of a short list, at most `limit`."""
        return (await self.page(session, Window(limit))).rows

    async def whole(
        self,
        session: Session,
        limit: int,
        what: str,
        is_shown: Callable[[RowT], bool] = lambda row: True,
    ) -> Sequence[RowT]:
        """All rows of a list that has no pages. Raises BadRequest for more than `limit`.

        `is_shown`: a filter that SQL does not apply. Only the rows that it shows count.
        """
        shown: list[RowT] = []
        after: KeyValues | None = None
        while len(shown) <= limit:
            page = await self.page(session, Window(limit + 1, after))
            shown += filter(is_shown, page.rows)
            if not page.has_next:
                break
            after = self.key_of(page.rows[-1])
        return whole_list(shown, limit, what)

    async def owned(
        self,
        session: Session,
        owner: str,
        ids: Sequence[UUID],
        order: str = "id",
        columns: ShownColumns = None,
    ) -> Mapping[UUID, list[RowT]]:
        """All rows of these owners by their column `owner`, sorted by `order` within it."""
        alias = self._source.split()[1]
        self.where(f"{alias}.{owner} = ANY({{}}::uuid[])", list(ids))
        shown = "*" if columns is None else ", ".join(sorted({*columns, owner}))
        sql = (
            f"SELECT {shown} FROM (SELECT {self._columns} FROM {self._source}"
            f"{_where(self._conditions)}) AS owned ORDER BY {owner}, {order}"
        )
        if columns is None:
            return grouped(await session.rows(self._row_type, sql, *self._values), owner)
        rows = await session.fetch(sql, *self._values)
        return grouped(cast("Sequence[RowT]", rows), owner)

    def key_of(self, row: RowT) -> Sequence[str | int]:
        """The sort key of a row, as its cursor contains it."""
        return [key.write(_column(key.name)(row)) for key in self._order]

    async def count(self, session: Session) -> int:
        """The number of rows in the whole list."""
        parts = [f"({' OR '.join(self._parts)})"] if self._parts else []
        where = _where([*self._conditions, *parts])
        # A count reads all rows, so reading the tables of its subqueries as a whole costs less.
        sql = f"SELECT count(*) FROM {self._source}{where}".replace(CHECKED, "")
        return await session.value(int, sql, *self._values) or 0

    def _beside_window(self, window: Window, values: list[object]) -> list[str]:
        """The conditions of a page's cursors; their arguments are added to `values`."""
        conditions = []
        after, before = ("<", ">") if self._direction == "DESC" else (">", "<")
        if window.after is not None:
            conditions.append(self._beside(after, window.after, values))
        if window.before is not None:
            conditions.append(self._beside(before, window.before, values))
        return conditions

    def _beside(self, sign: str, key: KeyValues, values: list[object]) -> str:
        if len(key) != len(self._order):
            raise bad_cursor()
        values.extend(part.read(value) for part, value in zip(self._order, key, strict=True))
        first = len(values) - len(key) + 1
        places = ", ".join(f"${place}" for place in range(first, len(values) + 1))
        return f"({', '.join(part.expression for part in self._order)}) {sign} ({places})"


_REVERSED: Mapping[Direction, Direction] = {"ASC": "DESC", "DESC": "ASC"}


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def by_key(rows: Sequence[RowT], name: str) -> Mapping[Any, RowT]:
    """Rows by the value of a column."""
    key_of = _column(name)
    return {key_of(row): row for row in rows}


def grouped(rows: Sequence[RowT], name: str) -> Mapping[Any, list[RowT]]:
    """Lists of rows by the value of a column, in their order."""
    found: dict[Any, list[RowT]] = {}
    last: Any = object()
    group: list[RowT] = []
    key_of = _column(name)
    for row in rows:
        key = key_of(row)
        if key != last:  # rows are mostly sorted; comparing is cheaper than hashing a UUID
            last, group = key, found.setdefault(key, [])
        group.append(row)
    return found


def _column(name: str) -> Callable[[object], Any]:
    return cast("Callable[[object], Any]", itemgetter(name))
