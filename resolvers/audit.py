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
        str | None, argument(description="A global id, or type and key as in `AuditEntry.subject`.")
    ] = UNSET,
    actor: str | None = UNSET,
    action: Annotated[
        str | None, argument(description="Name of a mutation or job, as in `AuditEntry.action`.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[AuditEntry]:
    """Audit entries, newest first. Null arguments do not filter."""
    about = given(subject)
    page = await audit_reads.entries(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        subject=None if about is None else subject_of(about),
        actor=given(actor),
        action=given(action),
    )
    return Connection(page, AuditEntry.from_row, info.context)
