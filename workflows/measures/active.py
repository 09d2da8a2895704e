"""The active measures, as a transaction reads them.

A transaction that began after the answer to `playbookStart` finds the measures of that run. One
that was under way may not. So the job that moves units and parcels waits for the end of all earlier
transactions (workflows/continuity/moves.py), and one read per transaction is enough.
"""

from __future__ import annotations

import models.queries.continuity.measures as measure_queries
from domain.continuity.measures import Measures
from workflows.transactions.transaction import Transaction


async def of(tx: Transaction) -> Measures:
    """The measures that are active now. They are read once per transaction."""
    if tx.measures is None:
        tx.measures = (await tx.session.answer(measure_queries.active())).at(tx.now)
    return tx.measures
