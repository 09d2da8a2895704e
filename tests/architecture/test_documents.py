"""Documents: their paths and links exist, and no reference leads out of the repository.

Fenced code is left out everywhere: it is checked by running it, or belongs to the reader's machine.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

from tests.architecture.source import ROOT, name_of, text_files

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`]+)`")
# `path/to/file.py: function` names a place inside a file.
PATH = re.compile(r"([\w.*{},<>/-]+)(?:: \w+)?")
SUFFIXES = (".py", ".md", ".graphql", ".toml", ".json", ".sh", ".lock")
BRACES = re.compile(r"\{([^{}]*)\}")
LINK = re.compile(r"\]\(([^)\s]+)\)")
URL = re.compile(r"[a-z]+:(?://)?\S+")
DOCUMENT_NAME = re.compile(r"(?<![\w./-])[\w./-]+\.md\b")
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
    """True if a path, perhaps with stars, names a file or folder of the project."""
    return path in existing() or any(fnmatchcase(name, path) for name in existing())


def test_paths_in_documents_exist() -> None:
    missing = {
        f"{name_of(document)}: {path}"
        for document in documents()
        for path in paths_in(prose(document))
        if not exists(path)
    }
    assert missing == set()


def test_links_in_documents_lead_to_files() -> None:
    broken = set()
    for document in documents():
        for target in LINK.findall(prose(document)):
            path = (document.parent / target.partition("#")[0]).resolve()
            is_outside = not path.is_relative_to(ROOT) or not path.exists()
            if not URL.match(target) and is_outside:
                broken.add(f"{name_of(document)}: {target}")
    assert broken == set()


def test_documents_name_no_document_outside_the_repository() -> None:
    foreign = {
        f"{name_of(document)}: {name}"
        for document in documents()
        for name in DOCUMENT_NAME.findall(URL.sub("", prose(document)))
        if not (ROOT / name).exists() and not (document.parent / name).exists()
    }
    assert foreign == set()


def test_documents_refer_to_no_numbered_sections() -> None:
    found = {
        f"{name_of(document)}: {reference[0]}"
        for document in documents()
        for reference in SECTION_REFERENCE.finditer(prose(document))
    }
    assert found == set()
