"""Prose in the code: plain first lines, and no reference to anything outside the repository."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from tests.architecture.source import ROOT, modules

CLAUSE = re.compile(r"\s*(?:What|Whatever|Who|Whom|Whose|Whoever|Which|Whether|How)\b")
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


def test_docstrings_begin_with_no_clause() -> None:
    clauses = {
        f"{name}:{line} {text.split()[0]}"
        for name, tree in modules().items()
        for line, text in docstrings(tree)
        if CLAUSE.match(text)
    }
    assert clauses == set()
