"""Size limits. A file or function above them does two things and should be split."""

import ast
import re
from collections import Counter
from statistics import median

from tests.architecture.source import ROOT, functions, length, modules, name_of, text_files

FILE_LINES_MAX = 400
FILE_LINES_MEDIAN_MAX = 120
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_MEDIAN_MAX = 10
FOLDER_MODULES_MAX = 20
# The map of root fields has one line for each field. Released migrations never change.
EXEMPT = re.compile(r"resolvers/root\.py|models/migrations/m\d+_\w+\.py")


def lines_by_file() -> dict[str, int]:
    counts = {name: len((ROOT / name).read_text().splitlines()) for name in modules()}
    return {name: count for name, count in counts.items() if not EXEMPT.fullmatch(name)}


def test_a_file_fits_in_one_sitting() -> None:
    assert {n: lines for n, lines in lines_by_file().items() if lines > FILE_LINES_MAX} == {}


def test_most_files_are_short() -> None:
    with_content = [count for count in lines_by_file().values() if count]
    assert median(with_content) <= FILE_LINES_MEDIAN_MAX


def test_a_function_fits_on_a_screen() -> None:
    long = {
        f"{name}:{function.lineno} {function.name}": length(function)
        for name, tree in modules().items()
        for function in functions(tree)
        if length(function) > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_most_functions_are_a_few_lines() -> None:
    lengths = [length(f) for tree in modules().values() for f in functions(tree)]
    assert median(lengths) <= FUNCTION_LINES_MEDIAN_MAX


def test_a_folder_has_few_modules() -> None:
    counts = Counter((ROOT / name).parent for name in modules() if not name.endswith("__init__.py"))
    crowded = {name_of(folder): n for folder, n in counts.items() if n > FOLDER_MODULES_MAX}
    assert crowded == {}


def test_imports_stand_at_the_top() -> None:
    inside = {
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert inside == set()


def test_packages_are_empty() -> None:
    """Imports in a package's __init__.py easily lead to import cycles."""
    full = [name_of(p) for p in text_files() if p.name == "__init__.py" and p.read_text().strip()]
    assert full == []


def test_every_room_is_a_package() -> None:
    folders = {(ROOT / name).parent for name in modules()} - {ROOT}
    assert [name_of(f) for f in sorted(folders) if not (f / "__init__.py").exists()] == []
