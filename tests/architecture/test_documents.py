"""Documents: paths and links exist, decision records have one form, no reference leads outside.

Fenced code is ignored: it is run by other tests, or belongs to the reader's machine.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

from tests.architecture.source import ROOT, name_of, text_files

RECORD_LINES_MAX = 60
RECORD_PARTS = ["Context", "Decision", "Consequences", "Alternatives", "Code"]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`]+)`")
# `path/to/file.py: function` names a place inside a file.
PATH = re.compile(r"([\w.*{},<>/-]+)(?:: \w+)?")
SUFFIXES = (".py", ".md", ".graphql", ".toml", ".json", ".sh", ".lock")
BRACES = re.compile(r"\{([^{}]*)\}")
SECTION_REFERENCE = re.compile(r"\((?:section )?\d+\.\d+(?:, \d+\.\d+)*\)|§")


def documents() -> list[Path]:
    """README, CHANGELOG and everything in docs."""
    folder = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *folder]


def prose(document: Path) -> str:
    """The text of a document without fenced code."""
    return FENCE.sub("", document.read_text())


@cache
def existing() -> frozenset[str]:
    """Files of the project and their folders, without caches."""
    files = {name_of(path) for path in text_files()}
    return frozenset(
        files | {str(above) for name in files for above in PurePosixPath(name).parents}
    )


def expanded(pattern: str) -> list[str]:
    """`{a,b}.py` as `a.py` and `b.py`; a placeholder such as `<area>` becomes a star."""
    pattern = re.sub(r"<\w+>", "*", pattern)
    braces = BRACES.search(pattern)
    if braces is None:
        return [pattern.rstrip("/")]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return [path for part in braces[1].split(",") for path in expanded(before + part + after)]


def paths_in(text: str) -> Iterator[str]:
    """Paths of the repository that stand in backticks: under a top folder, or named like a file."""
    top = {name.partition("/")[0] for name in existing() if "/" in name}
    for code in INLINE_CODE.findall(text):
        found = PATH.fullmatch(code)
        if found is None:
            continue
        path = found[1]
        if (path.partition("/")[0] in top and "/" in path) or path.endswith(SUFFIXES):
            yield from expanded(path)


def exists(path: str) -> bool:
    """True if a path, which may contain stars, matches a file or folder of the project."""
    return path in existing() or any(fnmatchcase(name, path) for name in existing())


def test_paths_in_documents_exist() -> None:
    missing = {
        f"{name_of(document)}: {path}"
        for document in documents()
        for path in paths_in(prose(document))
        if not exists(path)
    }
    assert missing == set()


def test_documents_refer_to_no_numbered_sections() -> None:
    found = {
        f"{name_of(document)}: {reference[0]}"
        for document in documents()
        for reference in SECTION_REFERENCE.finditer(prose(document))
    }
    assert found == set()


def test_decision_records_share_one_form() -> None:
    wrong = {}
    for record in sorted((ROOT / "docs/decisions").glob("*.md")):
        text = record.read_text()
        parts = re.findall(r"^(?:\*\*(\w+)\.\*\*|## (\w+))", text, re.MULTILINE)
        names = [bold or heading for bold, heading in parts]
        number = int(record.name.partition("-")[0])
        if names != RECORD_PARTS or not text.startswith(f"# {number}. "):
            wrong[record.name] = names
    assert wrong == {}


def test_decision_records_are_short() -> None:
    lines = {
        record.name: len(record.read_text().splitlines())
        for record in (ROOT / "docs/decisions").glob("*.md")
    }
    assert {name: count for name, count in lines.items() if count > RECORD_LINES_MAX} == {}
