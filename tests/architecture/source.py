"""Source files of the project, as the architecture tests read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = (
    "schema",
    "resolvers",
    "routes",
    "server",
    "subscriptions",
    "workflows",
    "integrations",
    "models",
    "domain",
)
NOT_OURS = ("web/graphiql/",)  # vendored, unchanged
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file of the project, without caches, environments and vendored files."""
    folders = [p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")]
    # In a linked worktree `.git` is a file, which is not part of the project.
    files = [p for p in ROOT.iterdir() if p.is_file() and p.name != ".git"]
    for folder in [*folders, ROOT / ".ci"]:
        if folder.name != "var":
            files += [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    ours = (p for p in files if not name_of(p).startswith(NOT_OURS))
    return tuple(sorted(p for p in ours if b"\0" not in p.read_bytes()))


@cache
def modules() -> dict[str, ast.Module]:
    """Every Python file, parsed, by its path from the project's folder."""
    return {name_of(p): ast.parse(p.read_text()) for p in text_files() if p.suffix == ".py"}


def modules_below(folder: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules in a folder and its subfolders."""
    return ((name, tree) for name, tree in modules().items() if name.startswith(f"{folder}/"))


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, including nested ones."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(node: Function) -> int:
    """Lines from `def` to the end of the function."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def name_of(path: Path) -> str:
    """Path from the project's folder, with slashes."""
    return path.relative_to(ROOT).as_posix()
