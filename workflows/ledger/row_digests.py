"""Digests of rows, computed again from their stored content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import orjson

import models.queries.proofs.digests as digests
from models.database.sessions import Session
from models.queries.proofs.digests import CoveredLineRow, DigestedRow
from workflows.transactions.digests import digest

# A difference: its place, the expected value, and the one found.
Found = tuple[str, str, str]
_JSON = frozenset({"data", "before", "after"})


async def changed(session: Session, table: str, rows: Sequence[DigestedRow]) -> list[Found]:
    """Those of a table's rows whose content does not match the digest written with them."""
    lines: dict[object, list[CoveredLineRow]] = {}
    if table == "journal_entry":
        for line in await digests.lines_of_entries(session, [row.id for row in rows]):
            lines.setdefault(line["entry_id"], []).append(line)
    return list(_mismatches(table, rows, lines))


def _mismatches(
    table: str,
    rows: Sequence[DigestedRow],
    lines: Mapping[object, Sequence[CoveredLineRow]],
) -> Iterator[Found]:
    for row in rows:
        content = {name: _value(name, value) for name, value in row.content.items()}
        if table == "journal_entry":
            contents = [{**content, "lines": each} for each in _contents(lines.get(row.id, ()))]
        else:
            contents = [content]
            if table == "event":
                del content["id"]  # assigned by the database after the digest was computed
            elif table == "audit_entry":
                content["at"] = content.pop("recorded_at")
        expected = [digest(each) for each in contents]
        if row.digest not in expected:
            yield str(row.id), expected[0], row.digest


def _contents(lines: Sequence[CoveredLineRow]) -> Iterator[list[list[object]]]:
    """The lines of an entry as its digest covers them; before version 20 without id and number."""
    amounts = [
        [line["account"], line["currency"], line["debit_minor"], line["credit_minor"]]
        for line in lines
    ]
    yield [
        [line["id"], line["line_no"], *amount] for line, amount in zip(lines, amounts, strict=True)
    ]
    if [line["line_no"] for line in lines] == list(range(1, len(lines) + 1)):
        yield amounts


def _value(name: str, value: object) -> object:
    return orjson.loads(value) if name in _JSON and isinstance(value, str) else value
