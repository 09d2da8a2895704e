"""The static cost of an operation: an upper estimate of the values in its answer.

An object counts as one value, and each of its fields as one. A field that the compiled projection
cannot read counts as WALKED values, and so does an object that contains such a field: graphql-core
visits them one by one. A list multiplies the cost of one element by its size:

- a page by `first` or `last`, or by the default page size;
- another list by its declared size (server/projection/list_sizes.py).

The cost of a document is compiled once: sums and products of constants are computed, and what is
left is a function of the variables that are sizes or conditions. Fragments and conditions count as
if each selected type and field were there, unless a variable leaves it out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import getattr_static
from typing import Any, NamedTuple, cast

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLNamedOutputType,
    GraphQLNonNull,
    GraphQLObjectType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    value_from_ast_untyped,
)

from server.operations.documents import Document
from server.operations.errors import BAD_REQUEST, RequestRefused
from server.projection.list_sizes import PAGE_DEFAULT, PAGE_MAX, SIZE, ListSize, size_of
from server.projection.records import Derived, edge_of

# graphql-core needs about ten times as long for a value as generated code.
WALKED = 10
INTROSPECTION_SIZE = 10

Variables = Mapping[str, Any]
Type = GraphQLNamedOutputType
Number = int | Callable[[Variables], int]


class _Part(NamedTuple):
    """The cost of a selection. `is_plain`: the compiled projection reads all of it."""

    cost: Number
    is_plain: bool


def cost_of(document: Document, variables: Variables) -> int:
    """The cost of an operation with these coerced variables."""
    cost = document.memory.get("cost")
    if cost is None:
        root = document.root_type
        selections = document.operation.selection_set
        cost = document.memory["cost"] = _Costs(document).selection(root, selections, None).cost
    return cost if isinstance(cost, int) else cost(variables)


def too_costly(document: Document, variables: Variables, cost: int, most: int) -> RequestRefused:
    """The refusal of an operation above the limit; it names the field with most of the cost."""
    costs = _Costs(document)
    path = costs.costliest(document.root_type, document.operation.selection_set, variables)
    return RequestRefused(
        BAD_REQUEST,
        400,
        f"The operation may return up to {cost:,} values; at most {most:,} are allowed. Most of"
        f" them are in {'.'.join(path)}: ask for smaller pages, or for fewer nested lists.",
        details={"cost": cost, "maximum": most, "field": list(path)},
    )


class _Costs:
    """The compilation of one document's cost."""

    def __init__(self, document: Document) -> None:
        self._schema = document.schema
        self._root = document.root_type
        self._fragments = document.fragment_definitions

    def selection(self, type_: Type, selected: SelectionSetNode, page: Number | None) -> _Part:
        """The cost of the selected fields of one object. `page`: the size of its lists, if its
        field has given it.
        """
        costs: list[Number] = []
        is_plain = not is_abstract_type(type_)
        for node, on in self._fields(type_, selected.selections):
            part = self._field(on, node, page)
            costs.append(part.cost)
            is_plain = is_plain and part.is_plain
        return _Part(_sum(costs), is_plain)

    def costliest(
        self, type_: Type, selected: SelectionSetNode, variables: Variables
    ) -> Sequence[str]:
        """The response keys that lead to most of the cost."""
        path: list[str] = []
        page: Number | None = None
        while True:
            fields = list(self._fields(type_, selected.selections))
            costs = [_value(self._field(on, node, page).cost, variables) for node, on in fields]
            if not costs or (path and max(costs) * 2 < sum(costs)):
                return path
            node, on = fields[costs.index(max(costs))]
            definition = self._definition(on, node)
            if node.selection_set is None or definition is None:
                return path
            path.append(node.alias.value if node.alias else node.name.value)
            size = _size(on, definition, node, page)
            page = None if is_list_type(_nullable(definition.type)) else size
            type_, selected = cast(Type, get_named_type(definition.type)), node.selection_set

    def _fields(
        self, type_: Type, selections: Iterable[SelectionNode]
    ) -> Iterator[tuple[FieldNode, Type]]:
        """The fields of a selection, with the type on which each is selected."""
        for node in selections:
            if isinstance(node, FieldNode):
                yield node, type_
                continue
            if isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                named: str | None = fragment.type_condition.name.value
                inner = fragment.selection_set
            else:
                assert isinstance(node, InlineFragmentNode)
                named = node.type_condition.name.value if node.type_condition else None
                inner = node.selection_set
            on = type_ if named is None else cast(Type, self._schema.type_map[named])
            for field, owner in self._fields(on, inner.selections):
                yield _with_conditions(field, node), owner

    def _definition(self, type_: Type, node: FieldNode) -> GraphQLField | None:
        return self._schema.get_field(cast(GraphQLCompositeType, type_), node.name.value)

    def _field(self, type_: Type, node: FieldNode, page: Number | None) -> _Part:
        definition = self._definition(type_, node)
        if definition is None or node.name.value == "__typename":
            return _Part(1, is_plain=True)
        is_plain = type_ is self._root or _is_plain(definition)
        part = _Part(1 if is_plain else WALKED, is_plain)
        named = get_named_type(definition.type)
        if node.selection_set is not None and is_composite_type(named):
            size = _size(type_, definition, node, page)
            is_list = is_list_type(_nullable(definition.type))
            inner = self.selection(named, node.selection_set, None if is_list else size)
            is_plain = is_plain and inner.is_plain
            one = _sum([1 if is_plain else WALKED, inner.cost])
            part = _Part(one if not is_list or size is None else _product(size, one), is_plain)
        return _Part(_conditional(part.cost, node.directives or ()), part.is_plain)


def _size(
    type_: Type, definition: GraphQLField, node: FieldNode, page: Number | None
) -> Number | None:
    """The size of a list, or of the lists directly in an object; None if the field gives none."""
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    if "first" in definition.args:
        return _page_size(given.get("first"), given.get("last"))
    declared = _declared(type_, definition)
    if declared is not None and declared.argument is not None:
        return _argument_size(definition, given, declared.argument)
    if not is_list_type(_nullable(definition.type)):
        return None if declared is None else declared.rows
    if declared is not None:
        return declared.rows
    if page is not None:
        return page
    return INTROSPECTION_SIZE if get_named_type(definition.type).name.startswith("__") else SIZE


def _declared(type_: Type, definition: GraphQLField) -> ListSize | None:
    field = definition.extensions.get("strawberry-definition")
    if field is None:
        return None
    declared = size_of(field)
    if declared is None and isinstance(type_, GraphQLObjectType):
        origin = getattr(type_.extensions.get("strawberry-definition"), "origin", None)
        source = getattr_static(origin, field.python_name or "", None)
        if isinstance(source, Derived):
            return source.size
    return declared


def _page_size(first: ValueNode | None, last: ValueNode | None) -> Number:
    """The size of a page: the larger one of both arguments, within what is allowed."""
    sizes = [_page(first), _page(last)]
    if first is None and last is None:
        return PAGE_DEFAULT

    def size(variables: Variables) -> int:
        asked = [number for number in (_value(each, variables) for each in sizes) if number >= 0]
        return min(max(asked, default=PAGE_DEFAULT), PAGE_MAX)

    return size({}) if all(isinstance(each, int) for each in sizes) else size


def _page(argument: ValueNode | None) -> Number:
    """The value of `first` or `last`; -1 if it is absent or null."""
    if isinstance(argument, IntValueNode):
        return int(argument.value)
    if not isinstance(argument, VariableNode):
        return -1
    name = argument.name.value

    def size(variables: Variables) -> int:
        value = variables.get(name)
        return value if isinstance(value, int) else -1

    return size


def _argument_size(definition: GraphQLField, given: Mapping[str, ValueNode], path: str) -> Number:
    """The length or value of an argument; 1 if it is absent."""
    name, *rest = path.split(".")
    node = given.get(name)
    if node is None:
        return _length(definition.args[name].default_value, rest)
    while rest and isinstance(node, ObjectValueNode):
        node = next((each.value for each in node.fields if each.name.value == rest[0]), None)
        rest = rest[1:]
        if node is None:
            return 1
    if isinstance(node, ListValueNode) and not rest:
        return max(1, len(node.values))
    if isinstance(node, VariableNode):
        variable = node.name.value
        if rest:
            return lambda variables: _length(variables.get(variable), rest)
        return lambda variables: _length(variables.get(variable))
    return _length(value_from_ast_untyped(node), rest)


def _length(value: Any, path: Sequence[str] = ()) -> int:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, list):
        return len(value) or 1
    return max(1, value) if isinstance(value, int) else 1


def _is_plain(definition: GraphQLField) -> bool:
    """True if the compiled projection can read the field (server/projection/codegen.py)."""
    field = definition.extensions.get("strawberry-definition")
    if field is None:
        return True  # introspection
    return not definition.args and (field.base_resolver is None or edge_of(field) is not None)


def _conditional(cost: Number, directives: Iterable[DirectiveNode]) -> Number:
    """The cost under @skip and @include."""
    for directive in directives:
        wanted = {"skip": False, "include": True}.get(directive.name.value)
        if wanted is None:
            continue
        value = next(each.value for each in directive.arguments or () if each.name.value == "if")
        if isinstance(value, VariableNode):
            cost = _if(cost, value.name.value, wanted)
        elif value_from_ast_untyped(value) is not wanted:
            return 0
    return cost


def _if(cost: Number, variable: str, wanted: bool) -> Number:
    return lambda variables: _value(cost, variables) if variables.get(variable) is wanted else 0


def _with_conditions(field: FieldNode, spread: SelectionNode) -> FieldNode:
    """The field of a fragment, with the conditions of the fragment's spread."""
    if not spread.directives:
        return field
    return FieldNode(
        alias=field.alias,
        name=field.name,
        arguments=field.arguments,
        directives=(*(field.directives or ()), *spread.directives),
        selection_set=field.selection_set,
    )


def _value(number: Number, variables: Variables) -> int:
    return number if isinstance(number, int) else number(variables)


def _sum(numbers: Iterable[Number]) -> Number:
    constant = 0
    functions: list[Callable[[Variables], int]] = []
    for number in numbers:
        if isinstance(number, int):
            constant += number
        else:
            functions.append(number)
    if not functions:
        return constant
    if len(functions) == 1:  # the usual case, for every request
        [only] = functions
        return (lambda variables: constant + only(variables)) if constant else only
    return lambda variables: constant + sum(each(variables) for each in functions)


def _product(size: Number, cost: Number) -> Number:
    if isinstance(cost, int):
        return size * cost if isinstance(size, int) else lambda variables: size(variables) * cost
    return lambda variables: _value(size, variables) * _value(cost, variables)


def _nullable(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_
