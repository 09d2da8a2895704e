"""Limits of one document, checked in one pass before validation.

Validation is quadratic in places, and execution is exponential in nested fragments. So both run
only on documents within these limits. The pass visits every fragment once, stores its size, and
adds the stored size for each spread.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
)

from server.operations.errors import RequestRefused, bad_request

# Largest depth of selection sets, with inline fragments and spreads counted. It keeps this pass and
# validation far from the interpreter's recursion limit.
NESTING_MAX = 100
DIGITS_MAX = 64

# Only a text that matches can contain a literal that _check_literal() refuses. The lexer refuses
# written surrogates, and an escaped lone surrogate is a syntax error.
_SUSPECT_TEXT = re.compile(rf"\x00|\\u|[0-9]{{{DIGITS_MAX + 1}}}|[eE][+-]?[0-9]{{3}}")
LONE_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
    r"|\\u\{0*[dD][89a-fA-F][0-9a-fA-F]{2}\}"
    r"|[\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of one request; each attribute is the largest number that is accepted."""

    body_bytes: int = 4 * 1024 * 1024  # a bulk upsert of some thousand rows in variables
    text_length: int = 64 * 1024  # characters of the document
    tokens: int = 4_000  # larger values should be sent as variables
    comments: int = 1_000
    operations: int = 20
    fragments: int = 40
    depth: int = 14  # nested fields; introspection has NESTING_MAX and its own validation rule
    fields: int = 2_000  # of one operation with all fragments expanded
    root_fields: int = 30  # of one operation
    aliases: int = 100
    directives: int = 100
    repeats: int = 40  # fields with the response key of a sibling: validation compares all pairs
    variables: int = 100
    validation_errors: int = 20
    string: int = 10_000  # characters of a literal, or of a variable of a query or subscription
    cost: int = 2_000_000  # values in the answer, estimated before execution (costs.py)
    rows: int = 250_000  # objects in the answer of a large operation
    seconds: float = 10.0  # of the execution of a query
    answer_bytes: int = 8 * 1024 * 1024  # of a query


class _Size(NamedTuple):
    """The size of a selection set with its fragments expanded."""

    depth: int  # nested fields
    nesting: int  # nested selection sets, fragments counted
    fields: int


class _Gate:
    """One pass over one document; see `check_document`."""

    def __init__(self, document: DocumentNode, limits: RequestLimits) -> None:
        self.limits = limits
        self.aliases = 0
        self.directives = 0
        self.repeats = 0
        self.sizes: dict[str, _Size | None] = {}  # None while the fragment is being measured
        self.fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }

    def operation(self, node: OperationDefinitionNode) -> None:
        limits = self.limits
        self._count_directives(node)
        variables = node.variable_definitions or ()
        _refuse_above(len(variables), limits.variables, "variables")
        for variable in variables:
            self._count_directives(variable)
        size = self._measure(node.selection_set, 1)
        _refuse_above(size.depth, limits.depth, "levels of fields")
        _refuse_above(size.fields, limits.fields, "fields")
        roots = self._fields_at(node.selection_set, set())
        _refuse_above(roots, limits.root_fields, "fields at the root of an operation")

    def fragment(self, name: str, level: int) -> _Size:
        if name not in self.fragments:
            return _Size(0, 0, 0)  # validation reports the unknown fragment with its position
        if name not in self.sizes:
            self.sizes[name] = None
            node = self.fragments[name]
            self._count_directives(node)
            self.sizes[name] = self._measure(node.selection_set, level)
        size = self.sizes[name]
        if size is None:
            raise bad_request(f"Fragment '{name}' contains itself.")
        _refuse_above(level + size.nesting, NESTING_MAX, "levels of nesting")
        return size

    def _measure(
        self, selection_set: SelectionSetNode, level: int, keys: set[str] | None = None
    ) -> _Size:
        keys = set() if keys is None else keys
        _refuse_above(level, NESTING_MAX, "levels of nesting")
        depth = nesting = fields = 0
        for node in selection_set.selections:
            size = self._selection(node, level, keys)
            depth = max(depth, size.depth)
            nesting = max(nesting, size.nesting)
            fields += size.fields
        return _Size(depth, nesting + 1, fields)

    def _selection(self, node: SelectionNode, level: int, keys: set[str]) -> _Size:
        self._count_directives(node)
        if isinstance(node, FragmentSpreadNode):
            return self.fragment(node.name.value, level + 1)
        if isinstance(node, InlineFragmentNode):
            # Its fields belong to the same selection set when fields are merged.
            return self._measure(node.selection_set, level + 1, keys)
        assert isinstance(node, FieldNode)
        return self._field(node, level, keys)

    def _field(self, node: FieldNode, level: int, keys: set[str]) -> _Size:
        key = node.name.value
        if node.alias:
            key = node.alias.value
            self.aliases += 1
            _refuse_above(self.aliases, self.limits.aliases, "aliases")
        if key in keys:
            self.repeats += 1
            _refuse_above(self.repeats, self.limits.repeats, "repeated fields")
        keys.add(key)
        if node.selection_set is None:
            return _Size(1, 0, 1)
        inner = self._measure(node.selection_set, level + 1)
        # Introspection is nested by design; its number of fields is counted as usual.
        depth = 1 if node.name.value in ("__schema", "__type") else inner.depth + 1
        return _Size(depth, inner.nesting, inner.fields + 1)

    def _fields_at(self, selection_set: SelectionSetNode, seen: set[str]) -> int:
        """The number of fields of this selection set itself, including its fragments."""
        total = 0
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                total += 1
            elif isinstance(node, InlineFragmentNode):
                total += self._fields_at(node.selection_set, seen)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name in self.fragments and name not in seen:
                    seen.add(name)
                    total += self._fields_at(self.fragments[name].selection_set, seen)
        return total

    def _count_directives(self, node: Node) -> None:
        found = getattr(node, "directives", None)
        if found:
            self.directives += len(found)
            _refuse_above(self.directives, self.limits.directives, "directives")


def check_document(document: DocumentNode, text: str, limits: RequestLimits) -> None:
    """Check `document` (parsed from `text`). Raises RequestRefused for the first limit exceeded.

    Linear in the document, and safe before validation: fragments may be unknown, unused or
    circular.
    """
    definitions = document.definitions
    operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
    _refuse_above(len(operations), limits.operations, "operations")
    gate = _Gate(document, limits)
    _refuse_above(len(definitions) - len(operations), limits.fragments, "fragments")
    for name in gate.fragments:
        gate.fragment(name, 1)
    for node in operations:
        gate.operation(node)
    if _SUSPECT_TEXT.search(text) or len(text) > limits.string:
        for literal in _literals(document):
            _check_literal(literal, limits)


def lone_surrogate_refusal(text: str) -> RequestRefused | None:
    """The refusal for a text that was not parsed because of a lone surrogate, if it contains
    one.
    """
    if LONE_SURROGATE.search(text):
        return bad_request("The document contains a lone surrogate, which is not a character.")
    return None


def _literals(document: DocumentNode) -> Iterator[Node]:
    stack: list[Node] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, (StringValueNode, IntValueNode, FloatValueNode)):
            yield node
            continue
        for key in node.keys:
            value = getattr(node, key, None)
            if isinstance(value, Node):
                stack.append(value)
            elif isinstance(value, (list, tuple)):
                stack.extend(value)


def _check_literal(literal: Node, limits: RequestLimits) -> None:
    if isinstance(literal, StringValueNode):
        _refuse_above(len(literal.value), limits.string, "characters in a string")
        if "\x00" in literal.value:
            raise bad_request("Text must not contain NUL characters.")
        return
    assert isinstance(literal, (IntValueNode, FloatValueNode))
    if len(literal.value) > DIGITS_MAX or math.isinf(float(literal.value)):
        raise bad_request("A number in the document is too large.")


def _refuse_above(number: int, most: int, what: str) -> None:
    if number > most:
        raise bad_request(f"The document has more than {most} {what}.")
