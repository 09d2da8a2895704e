"""Decision records: the same parts in the same order, at most a page, numbered as their files."""

import re

from tests.architecture.source import ROOT

LINES_MAX = 60
PARTS = ["Context", "Decision", "Consequences", "Alternatives", "Code"]
PART = re.compile(rf"^\*\*({'|'.join(PARTS)})\.\*\*", re.MULTILINE)
RECORDS = {path.name: path.read_text() for path in (ROOT / "docs/decisions").glob("*.md")}


def test_records_have_the_same_parts() -> None:
    parts = {name: PART.findall(text) for name, text in RECORDS.items()}
    assert {name: found for name, found in parts.items() if found != PARTS} == {}


def test_records_are_numbered_as_their_files() -> None:
    numbers = {name: int(name.partition("-")[0]) for name in RECORDS}
    wrong = {n for n, text in RECORDS.items() if not text.startswith(f"# {numbers[n]}. ")}
    assert wrong == set()
    assert len(set(numbers.values())) == len(numbers)


def test_records_are_short() -> None:
    lines = {name: len(text.splitlines()) for name, text in RECORDS.items()}
    assert {name: count for name, count in lines.items() if count > LINES_MAX} == {}
