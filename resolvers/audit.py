"""The audit trail."""

from strawberry import UNSET

import models.queries.reads.audit as reads
from schema.context import Info
from schema.types.arguments import given
from schema.types.audit import AuditEntry
from schema.types.node import subject_of
from schema.types.paging import Connection, selection_of, window


async def audit_trail(
    info: Info,
    subject: str | None = UNSET,
    actor: str | None = UNSET,
    action: str | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> Connection[AuditEntry]:
    """Who did what; `subject` is a global id, or the subject as audit rows show it."""
    about = given(subject)
    page = await reads.entries(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        subject=None if about is None else subject_of(about),
        actor=given(actor),
        action=given(action),
    )
    return Connection(page, AuditEntry.from_row, info.context)
