"""Functions whose statements read more pages in larger tables, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

_READS = "models.queries.reads"
_COUNTED = "the number of rows of a list is counted exactly"
_BY_SCOPE = "a scope of locations is checked row by row until the page is full"

GROWING: Mapping[str, str] = {
    "schema.fields.paging.total_count": _COUNTED,
    "models.queries.catalog.item_search.count": _COUNTED,
    f"{_READS}.ledger.balances": "the trial balance adds up all journal lines",
    "models.queries.orders.reservations.lines_over": "a sweep ends up to 4,000 lines at once",
    f"{_READS}.audit.entries": _BY_SCOPE,
    f"{_READS}.returns.returns": _BY_SCOPE,
    f"{_READS}.reservations.reservations": (
        "live holds are sorted: each new hold would pay for an index in the order of the list"
    ),
    f"{_READS}.tasks.tasks": "the open ones are found among finished ones of the same rank",
}
