"""Words that the project must not contain: empty names, abbreviations, local paths, hosts."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import ROOT, modules, name_of, text_files

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service"}
# Allowed because every developer here knows them: id, sku, rma, sql, tx, atp.
_ABBREVIATIONS = (
    "acct addr amt amnt calc cfg cnt conf ctx cust desc descr evt fn idx loc mgr msg "
    "num obj param pct pkg prev proc prod qty rec req res resp ret sess srv svc "
    "tbl tmp txn usr val vals var whs xfer"
)
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
PYTEST_NAMES = {"tmp_path", "tmp_path_factory"}
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
LOCAL_PATH = re.compile(r"(?:^|[^.\w/])/(?:home|root|Users|work|farm|workspace|mnt|opt)/\w")
LOCKS = sorted(ROOT.glob("*.lock"))


def defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names that a module defines: functions, classes, arguments, variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def words_of(name: str) -> list[str]:
    """Words of a name in lower case: `lock_levels`, `LockLevels` → lock, levels."""
    return [word.lower() for word in WORDS.findall(name)]


def test_no_file_has_an_empty_name() -> None:
    named = {name for name in modules() if EMPTY_NAMES & set(re.split(r"[/._]", name))}
    assert named == set()


def test_no_class_has_an_empty_name() -> None:
    named = {
        f"{name}:{node.lineno} {node.name}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and (words_of(node.name)[-1] in EMPTY_NAMES or words_of(node.name)[0] == "base")
    }
    assert named == set()


def test_names_are_whole_words() -> None:
    shortened = {
        f"{name}:{line} {defined}"
        for name, tree in modules().items()
        for line, defined in defined_names(tree)
        if ABBREVIATIONS & set(words_of(defined))
        and defined not in ("tmp_path", "tmp_path_factory")  # names of pytest
    }
    assert shortened == set()


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = {
        f"{name_of(path)}:{number}"
        for path in text_files()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if LOCAL_PATH.search(line)
    }
    assert found == set()


def test_lock_files_name_no_host() -> None:
    assert len(LOCKS) == 3
    assert [name_of(lock) for lock in LOCKS if "://" in lock.read_text()] == []


def test_lock_files_pin_every_package_by_hash() -> None:
    for lock in LOCKS:
        entries = re.split(r"\n(?=\S)", lock.read_text())
        packages = [entry for entry in entries if not entry.startswith("#")]
        assert packages
        assert [e for e in packages if "==" not in e or "--hash=sha256:" not in e] == []


def test_the_runtime_and_the_development_lock_agree() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
