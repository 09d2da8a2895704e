"""Queries and mutations on the ledger: journal entries, balances and closed periods."""

from datetime import datetime
from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.ledger as ledger_reads
import workflows.ledger.periods
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.ledger import PeriodPayload
from schema.mutations.perform import perform_mutation
from schema.types.ledger import JournalEntry, Period, TrialBalance
from server.projection.list_sizes import PAGE_MAX, sized
from workflows.ledger.periods import ClosePeriod


async def journal_entries(
    info: Info,
    reference: Annotated[
        str | None, argument(description="Number of an order, a return (RMA) or a delivery.")
    ] = UNSET,
    account: Annotated[
        str | None, argument(description="Only entries with a line on this account (code).")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[JournalEntry]:
    """Journal entries, newest first. Null arguments do not filter."""
    page = await ledger_reads.entries(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        reference=given(reference),
        account=given(account),
    )
    return Connection(page, JournalEntry.from_row, info.context)


async def trial_balance(
    info: Info,
    as_of: Annotated[
        datetime | None,
        argument(
            description="Include entries with an `effectiveAt` up to this instant; absent: now."
        ),
    ] = UNSET,
) -> TrialBalance:
    """Debits, credits and balance of every account as of an instant, by default now."""
    instant = given(as_of) or info.context.now
    rows = await ledger_reads.balances(*await info.context.opened(), instant)
    return TrialBalance.from_rows(rows, instant)


@sized(PAGE_MAX)
async def periods(info: Info) -> list[Period]:
    """Closed periods, newest first."""
    rows = await ledger_reads.periods(await info.context.session())
    return [Period.from_row(row, info.context) for row in rows]


async def period_close(
    info: Info,
    through: Annotated[datetime, argument(description="The last instant of the period.")],
) -> PeriodPayload | None:
    """Close the ledger up to and including an instant. No entry can take effect there afterwards.

    FORBIDDEN for a key that is limited to some channels or locations. Refused: PERIOD_CLOSED if the
    instant is closed already or lies in the future.
    """
    return await perform_mutation(
        info, workflows.ledger.periods.close, lambda: ClosePeriod(through), PeriodPayload
    )
