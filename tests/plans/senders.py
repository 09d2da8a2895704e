"""Functions of models/queries that send or make a statement, and those that were called."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

QUERIES = Path(__file__).parents[2] / "models" / "queries"
# Proofs read whole tables by purpose; what the lists share is called by them.
_OUTSIDE = ("proofs", "listing")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def senders() -> set[str]:
    """Functions that send a statement or make one, as `folder/module.function`."""
    found = set()
    for path in sorted(QUERIES.rglob("*.py")):
        name = path.relative_to(QUERIES).with_suffix("").as_posix()
        if not name.startswith(_OUTSIDE):
            body = ast.parse(path.read_text()).body
            functions = [each for each in body if isinstance(each, _FUNCTIONS)]
            found |= {f"{name}.{each.name}" for each in functions if _sends(each)}
    return found


def _sends(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    declared = [each.annotation for each in node.args.args] + [node.returns]
    texts = [ast.unparse(each) for each in declared if each is not None]
    return "Session" in texts or any(text.startswith("Question[") for text in texts)


@contextmanager
def called() -> Iterator[set[str]]:
    """The functions of models/queries that the main thread calls meanwhile."""
    names: set[str] = set()
    root = f"{QUERIES}/"

    def entered(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code.co_filename.startswith(root):
            module = code.co_filename.removeprefix(root).removesuffix(".py")
            names.add(f"{module}.{code.co_name}")

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield names
    finally:
        sys.settrace(before)
