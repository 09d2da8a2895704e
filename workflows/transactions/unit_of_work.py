"""The state that all parts of a transaction share: session, time, ids, locks and rows to insert."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise.models import Model

from domain.terms import DEFAULT_TERMS, Terms
from models.database.sessions import Session
from models.database.sql import Question
from workflows.transactions.lock_order import LockOrder

# Undoes, in memory, what was done since a savepoint began. Called at most once.
Restore = Callable[[], None]
RowsByModel = dict[type[Model], list[Mapping[str, Any]]]


class UnitOfWork(LockOrder):
    """The session of a transaction, and the rows that it inserts with its next flush.

    `id` identifies the transaction in its movements, journal entries, events and audit rows.
    """

    def __init__(
        self,
        session: Session,
        now: datetime,
        new_id: Callable[[], UUID],
        terms: Terms = DEFAULT_TERMS,
    ) -> None:
        super().__init__()
        self.session = session
        self.now = now
        self.new_id = new_id
        self.id = new_id()
        self.terms = terms
        self._rows: RowsByModel = {}
        self._guards: Sequence[Question[object]] = ()

    def guard(self, guards: Sequence[Question[object]]) -> None:
        """Let these questions guard the first lock of the workflow: a row raises Interrupted."""
        self._guards = guards

    def take_guards(self) -> Sequence[Question[object]]:
        """Return the guards that no lock has taken along yet, and forget them."""
        guards, self._guards = self._guards, ()
        return guards

    def add(self, model: type[Model], row: Mapping[str, Any]) -> None:
        """Insert `row` with the next flush. All rows of a model name the same columns."""
        self._rows.setdefault(model, []).append(row)

    def take_rows(self) -> RowsByModel:
        """Return the rows to insert, and forget them."""
        rows, self._rows = self._rows, {}
        return rows

    def snapshot(self) -> Restore:
        """Return a function that restores the lock order and drops the rows not yet written."""
        locked = self._locked

        def restore() -> None:
            self._locked = locked
            self._rows = {}

        return restore
