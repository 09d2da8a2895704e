"""Prose in the code: docstrings and comments refer to nothing outside the repository."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tests.architecture.source import ROOT, modules

SECTION_REFERENCE = re.compile(r"\((?:section )?\d+\.\d+(?:, \d+\.\d+)*\)|§")


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring: of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                yield node.lineno, text


def comments(name: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comment of a module."""
    for token in tokenize.generate_tokens(io.StringIO((ROOT / name).read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_prose_refers_to_no_numbered_section() -> None:
    references = {
        f"{name}:{line}"
        for name, tree in modules().items()
        for line, text in (*docstrings(tree), *comments(name))
        if SECTION_REFERENCE.search(text)
    }
    assert references == set()
