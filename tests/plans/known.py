"""Functions whose statements read more pages in larger tables, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

_READS = "models.queries.reads"
_NO_INDEX = "this filter has no index in the order of the list"
_BY_SCOPE = "a scope of locations is checked row by row"

GROWING: Mapping[str, str] = {
    "schema.fields.paging.total_count": "the number of rows of a list is counted",
    "models.queries.catalog.item_search.count": "the number of items found is counted",
    f"{_READS}.ledger.balances": "the trial balance adds up all journal lines",
    "models.queries.orders.reservations.lines_over": "a sweep ends up to 4,000 lines at once",
    f"{_READS}.audit.entries": _BY_SCOPE,
    f"{_READS}.audit.entries_by_id": _BY_SCOPE,
    f"{_READS}.exceptions.exceptions": _NO_INDEX,
    f"{_READS}.ledger.entries": _NO_INDEX,
    f"{_READS}.orders.orders": _BY_SCOPE,
    f"{_READS}.orders.orders_by_id": _BY_SCOPE,
    f"{_READS}.refunds.refunds": _BY_SCOPE,
    f"{_READS}.refunds.refunds_by_id": _BY_SCOPE,
    f"{_READS}.reservations.reservations": _NO_INDEX,
    f"{_READS}.returns.returns": _BY_SCOPE,
    f"{_READS}.returns.returns_by_id": _BY_SCOPE,
    "models.queries.refunds.refunds.orders_with_unrefunded_cancellations": (
        "a job reads all cancellations once a minute"
    ),
    f"{_READS}.tasks.tasks": _NO_INDEX,
}
