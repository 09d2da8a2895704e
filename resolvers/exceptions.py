"""Operational exceptions: the list of what went against plan."""

from strawberry import UNSET

import models.queries.reads.exceptions as reads
from schema.context import Info
from schema.types.arguments import given
from schema.types.enums import ExceptionSeverity, ExceptionStatus
from schema.types.exceptions import OperationalException
from schema.types.paging import CountedConnection, selection_of, window


async def exceptions(
    info: Info,
    status: ExceptionStatus | None = UNSET,
    severity: ExceptionSeverity | None = UNSET,
    kind: str | None = UNSET,
    owner: str | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> CountedConnection[OperationalException]:
    """Exceptions, newest first."""
    page = await reads.exceptions(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        severity=given(severity),
        kind=given(kind),
        owner=given(owner),
    )
    return CountedConnection(page, OperationalException.from_row, info.context)
