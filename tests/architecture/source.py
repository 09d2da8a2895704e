"""The project's own source, as the architecture tests read it."""

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
NOT_OURS = ("web/graphiql/",)  # vendored, byte for byte
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def text_files() -> tuple[Path, ...]:
    """Every file of the project that is text: no caches, no environment, nothing vendored."""
    folders = [p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")]
    # In a linked worktree `.git` is a file, and no part of the project.
    files = [p for p in ROOT.iterdir() if p.is_file() and p.name != ".git"]
    for folder in [*folders, ROOT / ".ci"]:
        if folder.name != "var":
            files += [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    ours = (p for p in files if not name_of(p).startswith(NOT_OURS))
    return tuple(sorted(p for p in ours if b"\0" not in p.read_bytes()))


@cache
def modules() -> dict[str, ast.Module]:
    """Every Python file by its path from the project's folder, parsed."""
    return {name_of(p): ast.parse(p.read_text()) for p in text_files() if p.suffix == ".py"}


def modules_below(folder: str) -> Iterator[tuple[str, ast.Module]]:
    """The modules of one folder, with those of its folders."""
    return ((name, tree) for name, tree in modules().items() if name.startswith(f"{folder}/"))


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(node: Function) -> int:
    """Lines from `def` to the last one."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def name_of(path: Path) -> str:
    """The path from the project's folder, with slashes."""
    return path.relative_to(ROOT).as_posix()
