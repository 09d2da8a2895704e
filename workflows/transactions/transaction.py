"""A transaction as workflows see it: the unit of work with its stock, costs, journal and outbox."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise.models import Model

from domain.continuity.measures import Measures
from domain.errors import DomainError
from domain.terms import DEFAULT_TERMS, Terms
from models.database.sessions import Session
from models.database.sql import WriteStatement
from workflows.transactions.item_costs import LockedCosts
from workflows.transactions.journal import Journal
from workflows.transactions.lock_order import LockClass
from workflows.transactions.outbox import Outbox
from workflows.transactions.outcomes import Refused
from workflows.transactions.stock_levels import LockedStock
from workflows.transactions.unit_of_work import RowsByModel, UnitOfWork


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


class Transaction:
    """A unit of work, and the parts that collect what it writes.

    `stock` and `costs` hold locked stock levels and item costs. `flush` writes their changes
    together with the rows given to `add`. `journal` and `outbox` hold the journal entries, events
    and audit rows, which are written just before commit. `measures`: the active ones, once the
    transaction has read them.

    The parts hold the unit of work and never the transaction: without a reference cycle, Python
    frees a transaction as soon as it ends.
    """

    def __init__(
        self,
        session: Session,
        now: datetime,
        new_id: Callable[[], UUID],
        terms: Terms = DEFAULT_TERMS,
        new_secret: Callable[[], str] = new_secret,
    ) -> None:
        self.unit = UnitOfWork(session, now, new_id, terms)
        self.id = self.unit.id
        self.session = session
        self.now = now
        self.new_id = new_id
        self.terms = terms
        self.new_secret = new_secret
        self.outbox = Outbox(self.unit)
        self.stock = LockedStock(self.unit, self.outbox)
        self.costs = LockedCosts(self.unit)
        self.journal = Journal(self.unit, self.outbox)
        self.measures: Measures | None = None
        self._savepoints = 0

    def add(self, model: type[Model], row: Mapping[str, Any]) -> None:
        """Insert `row` with the next flush. All rows of a model name the same columns."""
        self.unit.add(model, row)

    def locking(self, lock_class: LockClass) -> None:
        """Announce that rows of this class are locked next. Raises LockOrderBroken."""
        self.unit.locking(lock_class)

    async def flush(self) -> None:
        """Write all rows and changes collected so far; the database checks them here."""
        await self.session.write(*await self._take_writes())

    async def flush_and_commit(self) -> None:
        """Write all rows and changes collected so far, and commit."""
        await self.session.write_and_commit(*await self._take_writes())

    async def _take_writes(self) -> tuple[RowsByModel, Sequence[WriteStatement]]:
        await self.stock.settle_bins()
        changes = (*self.stock.take_moves(), self.costs.take_changes())
        return self.unit.take_rows(), changes

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Open a savepoint: a domain error inside undoes everything done inside.

        The end of the transaction releases it, which saves a call. So each has a name of its own:
        the outer one of two stays the one that is rolled back.
        """
        await self.flush()
        parts = (self.unit, self.stock, self.costs, self.journal, self.outbox)
        restores = [part.snapshot() for part in parts]
        self._savepoints += 1
        name = f"action_{self._savepoints}"
        await self.session.execute(f"SAVEPOINT {name}")
        try:
            yield
            await self.flush()
        except (DomainError, Refused):
            for restore in restores:
                restore()
            await self.session.execute(f"ROLLBACK TO SAVEPOINT {name}")
            raise
