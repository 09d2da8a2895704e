"""The audit trail: actions with the values before and after."""

from datetime import datetime

import strawberry

from models.audit import AuditEntryRow
from schema.context import Context
from schema.fields.node import Node, found_by
from schema.fields.scalars import JSON, json_of
from server.projection.records import column, derived

# Details that may name other locations than that of the subject.
_PLACES = frozenset({"location", "locations", "routing"})


def _details(stored: str | None, context: Context) -> object:
    """Details as the caller may see them: without places, if it is limited to some locations."""
    details = json_of(stored)
    if context.caller.locations is None or not isinstance(details, dict):
        return details
    return {name: value for name, value in details.items() if name not in _PLACES}


def _before(row: AuditEntryRow, context: Context) -> object:
    return _details(row["before"], context)


def _after(row: AuditEntryRow, context: Context) -> object:
    return _details(row["after"], context)


@found_by(lambda loaders: loaders.audits)
@strawberry.type
class AuditEntry(Node):
    """One action of an actor on one subject. Entries never change."""

    at: datetime = column("recorded_at")
    actor: str
    action: str
    """Name of the mutation, or of the job that made the change."""
    subject: str
    """Type and key of the changed object: `Order:…`."""
    before: JSON | None = derived(lambda entry: _before(entry.row, entry.context))
    """Values that the action changed, as they were before; null if there were none.

    Locations are omitted for a key that is limited to some.
    """
    after: JSON | None = derived(lambda entry: _after(entry.row, entry.context))
    """The same values after the action, without personal data."""
    hash: str | None
    """Hash over this entry and `previousHash`, in hexadecimal. Null until the entry is sealed,
    normally within a second."""
    previous_hash: str | None
    """Hash of the entry before this one in the chain; 64 zeros for the first. Null until this
    entry is sealed."""
