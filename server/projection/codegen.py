"""The code of the projection: Python source for the plain parts of a selection, and its helpers.

For `places { code units }` on a list of non-null objects the source is:

    def object1(o, w):
        if type(o) not in k1:
            admit1(o)
        f0 = o.code
        f1 = o.units
        return {
            'code': f0 if type(f0) is str else leaf2(f0),
            'units': f1 if type(f1) is int and -2147483648 <= f1 <= 2147483647 else leaf3(f1),
        }
    def project(v, w):
        return [object1(v1, w) for v1 in v] if type(v) is list or type(v) is tuple else walk()

A declared field (server/projection/records.py) is read as declared: `o.row['code']` for a column,
`work(o)` for a derived one. An edge gets a place in the dict. The record and the dict are added to
the list of that edge (`w` has one list per edge of the selection):

        d = {'sku': …, 'location': None}
        w[0].append((o, d))
        return d

If the rows of the edge came with the list, `w[0]` is a dict of completed values instead, by the key
of the edge. Then the code fills the place itself.
"""

import keyword
from collections.abc import Callable
from inspect import getattr_static
from typing import Any, Protocol

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE
from strawberry.types.field import StrawberryField

from models.queries.listing.selections import Join
from server.projection.columns import Columns, Place, node_of
from server.projection.guards import Sources, Walk, admission_of
from server.projection.leaves import LEAF_NAMES, enum_names, leaf_of, template_of
from server.projection.plans import ObjectPlan, Project, Projection, Stages, Waiting
from server.projection.records import Column, Derived, RecordEdge, edge_of
from server.projection.value_cache import FIELDS, KNOWN, keep

_CONVERTER = "GraphQLCoreConverter"
_BASIC_RESOLVER = f"{_CONVERTER}.from_resolver.<locals>._get_basic_result"
_OWN_RESOLVER = f"{_CONVERTER}.from_resolver.<locals>."
_OWN_TYPE_CHECK = f"{_CONVERTER}.from_object.<locals>._get_is_type_of.<locals>.is_type_of"


class Selections(Protocol):
    """The part of an executor that knows the selected fields."""

    schema: GraphQLSchema

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields: ...


def compile_value(
    selections: Selections, type_: GraphQLOutputType, details: FieldDetailsList
) -> Projection | None:
    """The function that completes a resolved value of a field, or None if not all is plain."""
    code = _Code(selections, node_of(type_))
    try:
        expression = code.value(type_, details, "v", 0)
    except _NotPlain:
        return None
    project = code.function("project", "v", [f"return {expression}"])
    return Projection(project, code.stages(type_), code.columns.selection(type_))


def compile_object(
    selections: Selections, type_: GraphQLObjectType, fields: GroupedFieldSet
) -> ObjectPlan | None:
    """The plan for an object whose type was already checked, or None if nothing is plain."""
    code = _Code(selections, None)
    rest: GroupedFieldSet = {}
    body, sources = code.fields(type_, fields, rest)
    if not sources:
        return None
    check = code.admission(sources, None)
    return ObjectPlan(code.function("project", "o", [*check, *body]), rest)


class _NotPlain(Exception):
    """Raised for a part of a selection that graphql-core must execute."""


class _Code:
    """Source code under construction, with the names it refers to.

    `node`: the type of the nodes, if the value is a connection.
    """

    def __init__(self, selections: Selections, node: GraphQLObjectType | None) -> None:
        self._selections = selections
        self._node = node
        self._names: dict[str, Any] = {"walk": _walk, "known": KNOWN, "keep": keep, **LEAF_NAMES}
        self._lines: list[str] = []
        self._places: list[Place] = []
        self._depth = 0
        self.columns = Columns(self._places)
        self._place: int | None = None

    def function(self, name: str, parameter: str, body: list[str]) -> Project:
        """Add the last function and load all of them."""
        self._define(name, parameter, body)
        exec(compile("\n".join(self._lines), "<projection>", "exec"), self._names)
        project: Project = self._names[name]
        return project

    def stages(self, type_: GraphQLOutputType) -> Stages:
        """The edges of the code that was loaded for a value of this type, level by level."""
        joins, columns = self.columns.joins(type_), self.columns.of_edges()
        levels: dict[int, list[Waiting]] = {}
        for number, place in enumerate(self._places):
            complete = self._names[place.function]
            join = place.edge.join
            if join is not None:
                join = joins.get(join) if self.columns.is_of_node(type_, place) else None
            shown = columns[place.edge]
            waiting = Waiting(number, place.key, place.edge, join, shown, complete)
            levels.setdefault(place.depth, []).append(waiting)
        return [levels[depth] for depth in sorted(levels)]

    def value(self, type_: GraphQLOutputType, details: FieldDetailsList, v: str, depth: int) -> str:
        """The expression that completes the value in the variable `v`."""
        nullable = not isinstance(type_, GraphQLNonNull)
        inner: Any = type_ if nullable else type_.of_type  # type: ignore[union-attr]
        if is_leaf_type(inner):
            return self._leaf(inner, nullable, v)
        if isinstance(inner, GraphQLList):
            item = f"v{depth + 1}"
            items = self.value(inner.of_type, details, item, depth + 1)
            finished = (
                f"[{items} for {item} in {v}]"
                f" if type({v}) is list or type({v}) is tuple else walk()"
            )
        elif isinstance(inner, GraphQLObjectType):
            finished = f"{self._object(inner, details)}({v}, w)"
        else:
            raise _NotPlain  # an interface or a union: its type is known only at run time
        return f"(None if {v} is None else {finished})" if nullable else f"({finished})"

    def fields(
        self, type_: GraphQLObjectType, fields: GroupedFieldSet, rest: GroupedFieldSet | None
    ) -> tuple[list[str], Sources]:
        """The body that completes `fields` of `o`, and the attributes it reads.

        Fields that are not plain, or that need an edge, are added to `rest` and get a place in the
        dict. Without `rest`, a field that is not plain raises _NotPlain, and an edge gets a list of
        records.
        """
        reads: list[str] = []
        entries: list[str] = []
        waits: list[str] = []
        sources: Sources = {}
        for key, details in fields.items():
            field_name = details[0].node.name.value
            if field_name == "__typename":
                entries.append(f"{key!r}: {type_.name!r},")
                continue
            variable, expression = f"f{len(reads)}", "None"
            known = len(self._places)
            try:
                definition = self._selections.schema.get_field(type_, field_name)
                field = _declared(definition, details)
                output: Any = definition.type  # type: ignore[union-attr]
                edge = edge_of(field)
                if edge is not None:
                    sources["row"] = None
                    self.columns.read(self._place, type_, edge)
                    is_of_node = self._place is None and type_ is self._node
                    number = self._wait(type_, key, edge, output, details)
                    waits += self._waiting(number, key, edge, is_of_node)
                else:
                    source = _source(type_, field.python_name)
                    self.columns.read(self._place, type_, source)
                    expression = self.value(output, details, variable, 0)
                if rest is not None and len(self._places) > known:
                    raise _NotPlain
            except _NotPlain:
                if rest is None:
                    raise
                del self._places[known:]
                waits.clear()
                rest[key] = details
                expression = "None"
            else:
                if edge is None:
                    sources[field.python_name] = source
                    read = self._read(variable, field.python_name, source)
                    if (
                        isinstance(source, Derived)
                        and source.of
                        and not is_leaf_type(get_named_type(output))
                        and len(self._places) == known
                    ):
                        reads += self._cached(variable, source.of, read, expression)
                        expression = variable
                    else:
                        reads.append(read)
            entries.append(f"{key!r}: {expression},")
        if any("r[" in line for line in waits) or any(
            isinstance(source, Column) or (isinstance(source, Derived) and source.of)
            for source in sources.values()
        ):
            sources["row"] = None
            reads.insert(0, "r = o.row")
        if not waits:
            return [*reads, "return {", *entries, "}"], sources
        return [*reads, "d = {", *entries, "}", *waits, "return d"], sources

    def _read(self, variable: str, name: str, source: Column | Derived | None) -> str:
        """The line that reads a plain field of `o`."""
        if isinstance(source, Column):
            return f"{variable} = r[{source.name!r}]"
        if isinstance(source, Derived):
            return f"{variable} = {self._name('derive', source.work)}(o)"
        return f"{variable} = o.{name}"

    def _cached(
        self, variable: str, columns: tuple[str, ...], read: str, expression: str
    ) -> list[str]:
        """The lines that complete a field, or use a cached value of the same columns."""
        values = ", ".join(f"r[{column!r}]" for column in columns)
        return [
            f"t = ({next(FIELDS)}, {values})",
            f"{variable} = known.get(t)",
            f"if {variable} is None:",
            f"    {read}",
            f"    {variable} = keep(t, {expression})",
        ]

    def _wait(
        self,
        parent: GraphQLObjectType,
        key: str,
        edge: RecordEdge,
        type_: Any,
        details: FieldDetailsList,
    ) -> int:
        """The number of the list of records for this edge."""
        number = len(self._places)
        name = self._name("edge", None)
        self._places.append(Place(parent, key, edge, get_named_type(type_), name, self._depth))
        outer, self._place = self._place, number
        self._depth += 1
        try:
            self._define(name, "v", [f"return {self.value(type_, details, 'v', 0)}"])
        finally:
            self._depth -= 1
            self._place = outer
        return number

    def _waiting(self, number: int, key: str, edge: RecordEdge, is_of_node: bool) -> list[str]:
        """The lines that let `o` wait at an edge, or fill its place from a joined row."""
        wait = f"w[{number}].append((o, d))"
        if not (is_of_node and edge.is_shared and isinstance(edge.join, Join)):
            return [wait]
        joined = self._name("joined", edge.join.of)
        value = f"None if t is None else {joined}(r)"
        complete = f"{self._places[number].function}({self._name('value', edge.value)}"
        return [
            f"s = w[{number}]",
            "if type(s) is list:",
            f"    {wait}",
            "else:",
            f"    t = r[{edge.key!r}]",
            "    if t not in s:",
            f"        s[t] = {complete}({value}, o, o.context), w)",
            f"    d[{key!r}] = s[t]",
        ]

    def admission(
        self, sources: Sources, type_check: Callable[[Any, Any], bool] | None
    ) -> list[str]:
        """The lines that check that reading `sources` of `o` runs only declared code."""
        plain = self._name("k", set())
        if type_check is None:
            admit = self._name("admit", admission_of(sources, None, self._names[plain], set()))
            return [f"if type(o) not in {plain}:", f"    {admit}(o)"]
        # Each object with a __dict__ may have been cast to another type.
        loose = self._name("d", set())
        admit = self._name(
            "admit", admission_of(sources, type_check, self._names[plain], self._names[loose])
        )
        return [
            f"if type(o) not in {plain} and"
            f" (type(o) not in {loose} or {TYPE_CAST_ATTRIBUTE!r} in o.__dict__):",
            f"    {admit}(o)",
        ]

    def _object(self, type_: GraphQLObjectType, details: FieldDetailsList) -> str:
        type_check: Any = type_.is_type_of
        if type_check and getattr(type_check, "__qualname__", "") != _OWN_TYPE_CHECK:
            raise _NotPlain
        try:
            selected = self._selections.collect_subfields(type_, details).grouped_field_set
        except GraphQLError:  # a condition without a value: graphql-core reports the error
            raise _NotPlain from None
        body, sources = self.fields(type_, selected, None)
        name = f"object{len(self._names)}"
        check = self.admission(sources, type_check)
        self._names[name] = None  # taken; the source defines it
        self._define(name, "o", [*check, *body])
        return name

    def _leaf(self, type_: GraphQLLeafType, nullable: bool, v: str) -> str:
        slow = self._name("leaf", leaf_of(type_, nullable))
        if isinstance(type_, CustomGraphQLEnumType):
            cls = self._name("e", type_.wrapped_cls)
            members = self._name("m", enum_names(type_))
            return f"({members}[{v}] if type({v}) is {cls} or type({v}) is str else {slow}({v}))"
        return f"({template_of(type_).format(v=v, slow=slow)})"

    def _name(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self._names)}"
        self._names[name] = value
        return name

    def _define(self, name: str, parameter: str, body: list[str]) -> None:
        self._lines.append(f"def {name}({parameter}, w):")
        self._lines.extend(f"    {line}" for line in body)


def _declared(definition: GraphQLField | None, details: FieldDetailsList) -> StrawberryField:
    """The declaration of a field that is plain or an edge; raises _NotPlain for any other."""
    if definition is None or definition.args:
        raise _NotPlain
    field = definition.extensions.get("strawberry-definition")
    if not isinstance(field, StrawberryField) or field.default_resolver is not getattr:
        raise _NotPlain
    resolver = getattr(definition.resolve, "__qualname__", "")
    if edge_of(field) is None:
        if resolver != _BASIC_RESOLVER:
            raise _NotPlain
    elif not resolver.startswith(_OWN_RESOLVER) or field.extensions:
        raise _NotPlain
    if type(field).get_result is not StrawberryField.get_result:
        raise _NotPlain
    for detail in details:
        for directive in detail.node.directives or ():
            if directive.name.value not in ("skip", "include"):
                raise _NotPlain
    if not field.python_name.isidentifier() or keyword.iskeyword(field.python_name):
        raise _NotPlain
    return field


def _source(type_: GraphQLObjectType, name: str) -> Column | Derived | None:
    """The declaration of an attribute; None for a plain attribute."""
    definition = type_.extensions.get("strawberry-definition")
    found = getattr_static(getattr(definition, "origin", None), name, None)
    return found if isinstance(found, Column | Derived) else None


def _walk() -> None:
    raise Walk
