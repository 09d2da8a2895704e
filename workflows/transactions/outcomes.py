"""Requests, the input of a workflow, and outcomes, its result for each request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from domain.access.callers import Caller
from domain.errors import DomainError
from domain.problems import ERRORS_MAX, Unread

CommandT_co = TypeVar("CommandT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Request(Generic[CommandT_co]):
    """A command with its caller and its idempotency key.

    Each command has its caller, because one transaction may hold commands of several callers.
    `unread`: arguments that could not be read. Such a command is checked, so that the client sees
    all faults at once, and always refused. `has_left` returns True once its client has gone.
    """

    command: CommandT_co
    caller: Caller
    key: str | None = None
    unread: tuple[Unread, ...] = ()
    has_left: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A domain error as data, as it is sent to the client and stored with the key."""

    code: str
    field: tuple[str, ...]
    message: str
    details: Mapping[str, Any]

    @staticmethod
    def of(error: DomainError) -> Refusal:
        """The facts of `error`."""
        return Refusal(error.code, tuple(error.field), error.message, dict(error.details))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a command: references to the objects it made, or refusals.

    `refs` is JSON: names to ids. `is_stored` is false if the same key may be tried again. `secret`
    is shown once; it is never stored, and a replay has none. `created_rows` has the rows of the
    objects in `refs` as this transaction left them, which saves a look-up; it is not stored either.
    """

    refs: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    replayed: bool = False
    is_stored: bool = True
    secret: str | None = field(default=None, repr=False)
    created_rows: Mapping[str, object] = field(default_factory=dict, repr=False)

    @staticmethod
    def refused(*errors: DomainError, refs: Mapping[str, Any] | None = None) -> Outcome:
        """An outcome of a command that was refused, for these reasons."""
        parts = [part for error in errors for part in error.parts]
        return Outcome(
            refs=dict(refs or {}),
            refusals=tuple(map(Refusal.of, parts)),
            is_stored=all(part.is_stored for part in parts),
        )

    @staticmethod
    def each(refs: Mapping[str, Any], refused: Iterable[DomainError], *, is_any: bool) -> Outcome:
        """An outcome of parts that were performed each by itself.

        `refused`: errors of the others. `is_any`: at least one part was performed.
        """
        found = Outcome.refused(*refused, refs=refs)
        return replace(found, is_stored=is_any or found.is_stored)

    def with_unread(self, unread: Sequence[Unread]) -> Outcome:
        """The faults of arguments that could not be read, then those of the others."""
        if not self.refusals:
            raise RuntimeError("a command with unread arguments was performed")
        others = (
            refusal
            for refusal in self.refusals
            if not any(each.covers(refusal.field) for each in unread)
        )
        refusals = (*(Refusal.of(each.error) for each in unread), *others)
        return Outcome(refusals=refusals[:ERRORS_MAX], is_stored=False)


class RequestAbandoned(Exception):
    """The client went away while its request waited for a transaction; nothing was done."""


class Refused(Exception):
    """Raised in a one-by-one workflow to refuse for several reasons, or with references."""

    def __init__(self, errors: Sequence[DomainError], refs: Mapping[str, Any] | None = None):
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
        self.refs = dict(refs or {})
