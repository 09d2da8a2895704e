"""The compiled projection of large operations: in slices, and with a limit on rows.

A row that several parents share is one dict in memory, and is written into the answer once for each
of them. So rows are counted as often as the answer has them: each record has a weight, the number
of its places in the answer.
"""

from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Any, Final

from server.projection.pace import Pace
from server.projection.plans import Projection, Waiting, Waits

ELEMENTS: Final = 50  # of a list that are projected between two looks at the clock

Weights = Sequence[list[int]]


class Abandonable:
    """A coroutine that may never start: its operation is refused or stopped before.

    Python warns of a coroutine that is dropped before it starts. A large operation that has too
    many rows drops thousands of them.
    """

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        # As a generator, it keeps this object, and so the coroutine, until the end.
        return (yield from self._coroutine.__await__())

    def __del__(self) -> None:
        self._coroutine.close()


class Slices:
    """The sliced projection of one operation. `rows`: the rows that its answer has until now.

    `too_many` makes the error for more than `rows_max`.
    """

    def __init__(self, pace: Pace, rows_max: int, too_many: Callable[[], Exception]) -> None:
        self.pace = pace
        self.rows = 0
        self._rows_max = rows_max
        self._too_many = too_many

    async def complete(self, projection: Projection, value: Any, context: Any) -> Any:
        """The completed value. Raises Walk for what is not as declared."""
        await self.pace.turn()
        waits = projection.waits()
        if type(value) is list and len(value) > ELEMENTS:
            completed: Any = []
            for start in range(0, len(value), ELEMENTS):
                completed += projection.project(value[start : start + ELEMENTS], waits)
                await self.pace.turn()
            self.count(len(value))
        else:
            completed = projection.project(value, waits)
            self.count(1)
        if any(waits):
            await self._follow(projection, waits, context)
        return completed

    async def paced(self, items: Iterable[Any]) -> AsyncGenerator[Any, None]:
        """The elements of a list that graphql-core completes, with pauses between them."""
        for item in items:
            self.count(1)
            if self.pace.is_over():
                await self.pace.turn()
            yield item

    def count(self, rows: int) -> None:
        """Count rows of the answer."""
        self.rows += rows
        if self.rows > self._rows_max:
            raise self._too_many()

    async def _follow(self, projection: Projection, waits: Waits, context: Any) -> None:
        """As `Projection.follow`, with pauses."""
        weights: Weights = [[1] * len(waiting) for waiting in waits]
        for stage in projection.stages:
            found = await projection.read(stage, waits, context)
            for each, values in zip(stage, found, strict=True):
                await self._fill(each, waits, weights, values, context)

    async def _fill(
        self,
        each: Waiting,
        waits: Waits,
        weights: Weights,
        found: Mapping[Any, Any],
        context: Any,
    ) -> None:
        """Fill in the value of each waiting record; equal keys of a shared edge are completed
        once.
        """
        edge, waiting = each.edge, waits[each.number]
        groups: dict[Any, list[Any]] = {}
        totals: dict[Any, int] = {}
        for number, (pair, weight) in enumerate(zip(waiting, weights[each.number], strict=True)):
            group = pair[0].row[edge.key] if edge.is_shared else number
            groups.setdefault(group, []).append(pair)
            totals[group] = totals.get(group, 0) + weight
        for group, pairs in groups.items():
            record = pairs[0][0]
            value = found.get(record.row[edge.key])
            completed = each.complete(edge.value(value, record, context), waits)
            for _, answer in pairs:
                answer[each.key] = completed
            weight = totals[group]
            self.count(weight * (len(completed) if type(completed) is list else 1))
            for records, of_records in zip(waits, weights, strict=True):
                if len(records) > len(of_records):
                    of_records.extend([weight] * (len(records) - len(of_records)))
            if self.pace.is_over():
                await self.pace.turn()
