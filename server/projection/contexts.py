"""The part of an operation's context that the server reads; the schema's context has more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.access.callers import Caller
from models.queries.listing.selections import JoinedRows, Selection

Row = Mapping[str, Any]


@dataclass(slots=True)
class Reads:
    """The reads of queries of one shape. `are_single`: one call to the database; None: unknown.

    Such a query needs no transaction. One that needs more calls than before runs again from the
    start, in a snapshot.
    """

    are_single: bool | None = None


class OperationCharge(Protocol):
    """The cost of an operation, taken from its caller's budget."""

    def settle(self, answer_bytes: int) -> None:
        """Give back the part of the cost that an answer of this size does not show."""

    def as_json(self) -> bytes:
        """The value of `extensions.cost`."""


class OperationContext(Protocol):
    """The context of one operation of one caller.

    `loaders`: an object with a `Loader` per attribute, which edges refer to. `selections`: the
    columns that root fields select of their lists, by response key.
    """

    selections: Mapping[str, Selection]
    shape_reads: Reads

    @property
    def caller(self) -> Caller:
        """The caller, with its permissions and scope."""

    @property
    def now(self) -> datetime:
        """The instant at which the operation reads."""

    @property
    def loaders(self) -> Any:
        """The loaders of this operation's snapshot."""

    @property
    def joined(self) -> Mapping[JoinedRows, Mapping[Any, Any]]:
        """Rows that lists of this snapshot have joined, by key."""
