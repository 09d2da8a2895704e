"""The audit trail."""

from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.audit as audit_reads
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.node import subject_of
from schema.fields.paging import Connection, selection_of, window
from schema.types.audit import AuditEntry


async def audit_trail(
    info: Info,
    subject: Annotated[
        str | None, argument(description="An id, or type and key as entries show them.")
    ] = UNSET,
    actor: str | None = UNSET,
    action: Annotated[
        str | None, argument(description="A mutation's name, as entries show it.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[AuditEntry]:
    """Who did what to what, newest first. Null arguments choose all."""
    about = given(subject)
    page = await audit_reads.entries(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        subject=None if about is None else subject_of(about),
        actor=given(actor),
        action=given(action),
    )
    return Connection(page, AuditEntry.from_row, info.context)
