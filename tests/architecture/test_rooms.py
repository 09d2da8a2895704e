"""Rules that import-linter cannot check: clock in the domain, SQL on the ledger, known packages."""

import ast
import re
import sys

from tests.architecture.source import ROOMS, ROOT, modules, modules_below

CLOCK_READS = ("now", "utcnow", "today")
MIGRATIONS = "models/migrations/"
# One module has the statements on the ledger; of the workflows these two use it.
LEDGER_STATEMENTS = {"models/queries/ledger.py"}
LEDGER_WORKFLOWS = {"workflows/transactions/journal.py", "workflows/transactions/item_costs.py"}


def imported(tree: ast.Module) -> set[str]:
    """Full names of the modules that a module imports, and of the names imported from them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_the_domain_needs_python_only() -> None:
    allowed = sys.stdlib_module_names | {"domain"}
    foreign = {
        name: {module.partition(".")[0] for module in imported(tree)} - allowed
        for name, tree in modules_below("domain")
    }
    assert {name: packages for name, packages in foreign.items() if packages} == {}


def test_the_domain_reads_no_clock() -> None:
    reads = [
        f"{name}:{node.lineno}"
        for name, tree in modules_below("domain")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCK_READS
        and ast.unparse(node.func.value).split(".")[-1] in ("datetime", "date")
    ]
    assert reads == []


def ledger_tables() -> list[str]:
    """Table names of models/ledger.py, read from its classes."""
    tree = modules()["models/ledger.py"]
    return [
        str(node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "table"
        and isinstance(node.value, ast.Constant)
    ]


def test_statements_that_write_the_ledger_stand_in_one_place() -> None:
    tables = ledger_tables()
    assert tables
    write = re.compile(rf"(?i)\b(?:insert into|update|delete from)\s+(?:{'|'.join(tables)})\b")
    writers = {
        name
        for room in ROOMS
        for name, _ in modules_below(room)
        if write.search((ROOT / name).read_text()) and not name.startswith(MIGRATIONS)
    }
    assert writers == LEDGER_STATEMENTS


def test_only_the_ledger_workflows_run_them() -> None:
    ledger = {"models.ledger", "models.queries.ledger"}
    users = {name for name, tree in modules_below("workflows") if ledger & imported(tree)}
    assert users == LEDGER_WORKFLOWS


def test_nothing_imports_a_room_that_is_not_on_the_map() -> None:
    known = {*ROOMS, "scripts", "tests", "benchmarks"}
    packages = {name.split("/")[0] for name in modules() if "/" in name}
    assert packages <= known
