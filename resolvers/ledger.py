"""The books: entries, balances and closed periods."""

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
    """Entries in the books, newest first. Null arguments choose all."""
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
        datetime | None, argument(description="Entries count whose `effectiveAt` is not later.")
    ] = UNSET,
) -> TrialBalance:
    """Every account as of an instant; without `asOf` as of now."""
    instant = given(as_of) or info.context.now
    rows = await ledger_reads.balances(*await info.context.opened(), instant)
    return TrialBalance.from_rows(list(rows), instant)


async def periods(info: Info) -> list[Period]:
    """Every close of the books, newest first."""
    rows = await ledger_reads.periods(await info.context.session())
    return [Period.from_row(row, info.context) for row in rows]


async def period_close(
    info: Info, through: Annotated[datetime, argument(description="The last instant to close.")]
) -> PeriodPayload | None:
    """Close the books up to and including an instant: nothing is booked there any more.

    FORBIDDEN for a key that reaches a part of the house only. Refused: PERIOD_CLOSED for what is
    closed already, or lies ahead.
    """
    return await perform_mutation(
        info, workflows.ledger.periods.close, lambda: ClosePeriod(through), PeriodPayload
    )
