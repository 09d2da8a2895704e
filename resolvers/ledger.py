"""The books: entries, balances and closed periods."""

from datetime import datetime

from strawberry import UNSET

import models.queries.reads.ledger as reads
import workflows.periods
from schema.context import Info
from schema.errors import change
from schema.types.arguments import given
from schema.types.changes.ledger import PeriodPayload
from schema.types.ledger import JournalEntry, Period, TrialBalance
from schema.types.paging import Connection, selection_of, window
from workflows.periods import ClosePeriod


async def journal_entries(
    info: Info,
    reference: str | None = UNSET,
    account: str | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> Connection[JournalEntry]:
    """Entries with a reference, on an account."""
    page = await reads.entries(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        reference=given(reference),
        account=given(account),
    )
    return Connection(page, JournalEntry.from_row, info.context)


async def trial_balance(info: Info, as_of: datetime | None = UNSET) -> TrialBalance:
    """Every account as of an instant; without one, as of now."""
    instant = given(as_of) or info.context.now
    rows = await reads.balances(*await info.context.opened(), instant)
    return TrialBalance.from_rows(list(rows), instant)


async def periods(info: Info) -> list[Period]:
    """Every close of the books, the newest first."""
    rows = await reads.periods(await info.context.session())
    return [Period.from_row(row, info.context) for row in rows]


async def period_close(info: Info, through: datetime) -> PeriodPayload | None:
    """Book nothing more up to and including an instant."""
    return await change(
        info,
        workflows.periods.close,
        lambda: ClosePeriod(through),
        PeriodPayload,
        period="Period",
    )
