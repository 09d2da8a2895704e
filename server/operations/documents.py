"""Document cache: a text is parsed, measured and validated once per (text, operation name).

A new text costs some milliseconds before it runs, so entries are kept in a bounded cache with two
segments. A text seen once is in *probation*; a text seen again is *kept*. A flood of distinct texts
replaces only probation, and the texts that clients use repeatedly stay.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from server.operations.errors import DocumentRefused, RequestRefused, bad_request
from server.operations.limits import RequestLimits, check_document, lone_surrogate_refusal

# Memory in bytes per character of a text. Measured: 100 as syntax tree and tokens, 210 with
# compiled functions; rounded up. The byte bound is only as exact as this number.
BYTES_PER_CHARACTER = 250

# A new text costs about as much as this many characters of it cost requests.
CHARACTERS_PER_TOKEN = 1_000

# Ends of graphql-core's messages when a limit of its parser is exceeded, as opposed to a syntax
# error.
_PARSER_LIMITS = ("Parsing aborted.", "nested too deeply")


@dataclass(eq=False, slots=True)
class Document:
    """One operation of one text, ready to run. `memory` stores derived data of executors."""

    text: str
    schema: GraphQLSchema
    operation: OperationDefinitionNode
    root_type: GraphQLObjectType
    fragments: dict[str, FragmentDetails]
    fragment_definitions: dict[str, FragmentDefinitionNode]
    condition_variables: tuple[str, ...]  # variables of a @skip or @include
    uses: int = 1
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def operation_type(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.operation.operation

    @property
    def name(self) -> str | None:
        """The name of the operation, if any."""
        return self.operation.name.value if self.operation.name else None


@dataclass(slots=True)
class _Entry:
    found: Document | RequestRefused
    bytes: int


class DocumentCache:
    """Documents by (text, operation name), at most `entries` and roughly `bytes` of memory.

    `introspection=False` refuses `__schema` and `__type`, and leaves suggestions ("Did you mean")
    out of every message.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: RequestLimits,
        introspection: bool = True,
        entries: int = 1_000,
        bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.schema = schema
        self.limits = limits
        self.hide_suggestions = not introspection
        rules = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]
        self._rules = rules if introspection else [*rules, NoSchemaIntrospectionCustomRule]
        # A quarter is for texts seen once, the rest for texts seen again.
        self._probation = _Segment(max(entries // 4, 1), bytes // 4)
        self._kept = _Segment(max(entries - entries // 4, 1), bytes - bytes // 4)

    def __len__(self) -> int:
        return len(self._kept.entries) + len(self._probation.entries)

    @property
    def bytes(self) -> int:
        """The estimated memory of all entries."""
        return self._kept.bytes + self._probation.bytes

    def price(self, text: str, operation_name: str | None) -> int:
        """Rate tokens for a text that must be parsed and validated; 0 if it is in the cache."""
        key = (text, operation_name)
        if key in self._kept.entries or key in self._probation.entries:
            return 0
        return len(text) // CHARACTERS_PER_TOKEN

    def get(self, text: str, operation_name: str | None) -> Document:
        """The operation ready to run. Raises RequestRefused (limits) or DocumentRefused
        (validation).

        Refusals are cached, too, so repeating an invalid document is cheap.
        """
        key = (text, operation_name)
        entry = self._kept.find(key)
        if entry is None:
            entry = self._probation.pop(key)
            if entry is None:
                entry = self._read(text, operation_name)
                self._probation.put(key, entry)
            elif isinstance(entry.found, Document):
                for old_key, old in self._kept.put(key, entry):
                    self._probation.put(old_key, old)
            else:
                self._probation.put(key, entry)
        found = entry.found
        if isinstance(found, Document):
            found.uses += 1
            return found
        # A new traceback each time: otherwise the traceback of a shared exception would grow.
        raise found.with_traceback(None)

    def _read(self, text: str, operation_name: str | None) -> _Entry:
        size = len(text) * BYTES_PER_CHARACTER + 2_000
        try:
            return _Entry(self._prepare(text, operation_name), size)
        except RequestRefused as refused:
            # The exception must not keep the frames, and through them the syntax tree, alive.
            refused.__context__ = refused.__cause__ = None
            refused.with_traceback(None)
            return _Entry(refused, len(text) * 4 + 4_000)

    def _prepare(self, text: str, operation_name: str | None) -> Document:
        document = self._parse(text)
        check_document(document, text, self.limits)
        operation = _choose(document, operation_name)
        errors = validate(
            self.schema,
            document,
            self._rules,
            max_errors=self.limits.validation_errors,
            hide_suggestions=self.hide_suggestions,
        )
        if errors:
            raise DocumentRefused(errors)
        root_type = self.schema.get_root_type(operation.operation)
        if root_type is None:
            raise bad_request(f"This schema has no {operation.operation.value} operations.")
        definitions = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        return Document(
            text=text,
            schema=self.schema,
            operation=operation,
            root_type=root_type,
            fragments={name: FragmentDetails(node) for name, node in definitions.items()},
            fragment_definitions=definitions,
            condition_variables=_condition_variables(operation, definitions),
            uses=0,
        )

    def _parse(self, text: str) -> DocumentNode:
        limits = self.limits
        if len(text) > limits.text_length:
            raise bad_request(f"The document is longer than {limits.text_length} characters.")
        try:
            return parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.comments)
        except GraphQLError as error:
            failure = lone_surrogate_refusal(text) or DocumentRefused([error])
            if any(sign in error.message for sign in _PARSER_LIMITS):
                failure = bad_request(
                    "The document is too large or too deep: send large values as variables."
                )
        raise failure


class _Segment:
    """A least-recently-used map with a bound on entries and one on bytes."""

    def __init__(self, entries_max: int, bytes_max: int) -> None:
        self.entries: OrderedDict[tuple[str, str | None], _Entry] = OrderedDict()
        self.bytes = 0
        self._entries_max = entries_max
        self._bytes_max = bytes_max

    def find(self, key: tuple[str, str | None]) -> _Entry | None:
        entry = self.entries.get(key)
        if entry is not None:
            self.entries.move_to_end(key)
        return entry

    def pop(self, key: tuple[str, str | None]) -> _Entry | None:
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.bytes
        return entry

    def put(
        self, key: tuple[str, str | None], entry: _Entry
    ) -> list[tuple[tuple[str, str | None], _Entry]]:
        """Store an entry, and return the evicted ones; an entry larger than the bound is evicted at
        once.
        """
        self.entries[key] = entry
        self.bytes += entry.bytes
        left = []
        while len(self.entries) > self._entries_max or self.bytes > self._bytes_max:
            old_key, old = self.entries.popitem(last=False)
            self.bytes -= old.bytes
            left.append((old_key, old))
        return left


def _choose(document: DocumentNode, operation_name: str | None) -> OperationDefinitionNode:
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    if operation_name is not None:
        for node in operations:
            if node.name and node.name.value == operation_name:
                return node
        raise bad_request("The document has no operation of this operationName.")
    if not operations:
        raise bad_request("The document has no operation.")
    if len(operations) > 1:
        raise bad_request("The document has several operations: operationName must choose one.")
    return operations[0]


def _condition_variables(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    """The variables inside any @skip or @include of the text, in a fixed order."""
    names: set[str] = set()
    stack: list[SelectionSetNode] = [operation.selection_set]
    stack.extend(fragment.selection_set for fragment in fragments.values())
    while stack:
        for node in stack.pop().selections:
            for directive in node.directives or ():
                if directive.name.value in ("skip", "include"):
                    for argument in directive.arguments or ():
                        if isinstance(argument.value, VariableNode):
                            names.add(argument.value.name.value)
            if isinstance(node, (FieldNode, InlineFragmentNode)) and node.selection_set:
                stack.append(node.selection_set)
    return tuple(sorted(names))
