"""docs/exceptions.md has the catalog of kinds."""

from pathlib import Path

import domain.values.durations as durations
from domain.exceptions import KINDS, ExceptionKind

DOCUMENT = Path(__file__).parents[2] / "docs/exceptions.md"
HEAD = (
    "| kind (subject) | opens when | clears when | severity, role | due, then | after |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


def line(kind: ExceptionKind) -> str:
    """The line of a kind in the table."""
    row, handling = KINDS[kind], KINDS[kind].handling
    after = "" if handling.after is None else durations.text_of(handling.after)
    due = f"{durations.text_of(handling.due)}, {handling.escalate_to}"
    who = f"{handling.severity}, {handling.owner_role}"
    return f"| {kind} ({row.subject}) | {row.opens} | {row.clears} | {who} | {due} | {after} |"


def table() -> str:
    """The whole table."""
    return "\n".join([HEAD, *map(line, ExceptionKind)])


def test_the_document_has_the_catalog() -> None:
    assert table() in DOCUMENT.read_text()
