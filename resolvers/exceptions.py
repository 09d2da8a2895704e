"""Operational exceptions: the list of what went against plan."""

from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.exceptions as exception_reads
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.enums import ExceptionSeverity, ExceptionStatus
from schema.fields.paging import CountedConnection, selection_of, window
from schema.types.exceptions import OperationalException


async def exceptions(
    info: Info,
    status: ExceptionStatus | None = UNSET,
    severity: ExceptionSeverity | None = UNSET,
    kind: Annotated[
        str | None, argument(description="A row of the catalogue: OVERSOLD, …")
    ] = UNSET,
    owner: Annotated[str | None, argument(description="An actor.")] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> CountedConnection[OperationalException]:
    """What went against plan, newest first. Null arguments choose all."""
    page = await exception_reads.exceptions(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        status=given(status),
        severity=given(severity),
        kind=given(kind),
        owner=given(owner),
    )
    return CountedConnection(page, OperationalException.from_row, info.context)
