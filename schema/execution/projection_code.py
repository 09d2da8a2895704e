"""The code of the projection: Python source for the plain parts of a selection, and its helpers.

For `places { code units }` on a list of non-null objects the source reads

    def object1(o):
        if type(o) not in k1:
            admit1(o)
        f0 = o.code
        f1 = o.units
        return {
            'code': f0 if type(f0) is str else leaf2(f0),
            'units': f1 if type(f1) is int and -2147483648 <= f1 <= 2147483647 else leaf3(f1),
        }
    def project(v):
        return [object1(v1) for v1 in v] if type(v) is list or type(v) is tuple else walk()
"""

import keyword
from collections.abc import Callable, Iterable, Mapping
from types import GeneratorType, MemberDescriptorType
from typing import Any, Protocol

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    is_leaf_type,
)
from graphql.execution.collect_fields import CollectedFields, FieldDetailsList, GroupedFieldSet
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.types.cast import TYPE_CAST_ATTRIBUTE
from strawberry.types.field import StrawberryField

from schema.execution.projection import ObjectPlan, Projection

CLASSES_MAX = 64  # admitted per object of a projection; more are checked one by one

_CONVERTER = "GraphQLCoreConverter"
_BASIC_RESOLVER = f"{_CONVERTER}.from_resolver.<locals>._get_basic_result"
_OWN_TYPE_CHECK = f"{_CONVERTER}.from_object.<locals>._get_is_type_of.<locals>.is_type_of"

_FAST_LEAVES: Mapping[Any, str] = {
    GraphQLString: "{v} if type({v}) is str else {slow}({v})",
    GraphQLID: "{v} if type({v}) is str else {slow}({v})",
    GraphQLInt: ("{v} if type({v}) is int and -2147483648 <= {v} <= 2147483647 else {slow}({v})"),
    GraphQLBoolean: "{v} if {v} is True or {v} is False else {slow}({v})",
    GraphQLFloat: "{v} if type({v}) is float and {v} - {v} == 0.0 else {slow}({v})",
}


class Walk(Exception):
    """Generated code met something that the walk must see."""


class Selections(Protocol):
    """The part of an executor that knows which fields are selected."""

    schema: GraphQLSchema

    def collect_subfields(
        self, return_type: GraphQLObjectType, field_details_list: FieldDetailsList
    ) -> CollectedFields: ...


def compile_value(
    selections: Selections, type_: GraphQLOutputType, details: FieldDetailsList
) -> Projection | None:
    """The function that completes a resolved value of a field, or None if not all is plain."""
    code = _Code(selections)
    try:
        expression = code.value(type_, details, "v", 0)
    except _NotPlain:
        return None
    return code.function("project", "v", [f"return {expression}"])


def compile_object(
    selections: Selections, type_: GraphQLObjectType, fields: GroupedFieldSet
) -> ObjectPlan | None:
    """The plan for an object whose type was already checked, or None if nothing is plain."""
    code = _Code(selections)
    rest: GroupedFieldSet = {}
    body, names = code.fields(type_, fields, rest)
    if not names:
        return None
    check = code.admission(names, None)
    return ObjectPlan(code.function("project", "o", [*check, *body]), rest)


class _NotPlain(Exception):
    """This part of the selection is the walk's."""


class _Code:
    """Source in the making, with the names it refers to."""

    def __init__(self, selections: Selections) -> None:
        self._selections = selections
        self._names: dict[str, Any] = {"walk": _walk}
        self._lines: list[str] = []

    def function(self, name: str, parameter: str, body: list[str]) -> Projection:
        """Add the last function and load them all."""
        self._define(name, parameter, body)
        exec(compile("\n".join(self._lines), "<projection>", "exec"), self._names)
        projection: Projection = self._names[name]
        return projection

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
            finished = f"{self._object(inner, details)}({v})"
        else:
            raise _NotPlain  # an interface or a union: what it holds is known only at run time
        return f"(None if {v} is None else {finished})" if nullable else f"({finished})"

    def fields(
        self, type_: GraphQLObjectType, fields: GroupedFieldSet, rest: GroupedFieldSet | None
    ) -> tuple[list[str], list[str]]:
        """The body that completes `fields` of `o`, and the attributes it reads.

        What is not plain goes into `rest` and gets a place in the dict; without `rest` it raises.
        """
        reads: list[str] = []
        entries: list[str] = []
        names: list[str] = []
        for key, details in fields.items():
            if details[0].node.name.value == "__typename":
                entries.append(f"{key!r}: {type_.name!r},")
                continue
            variable = f"f{len(reads)}"
            try:
                definition = self._selections.schema.get_field(type_, details[0].node.name.value)
                name = _plain_attribute(definition, details)
                expression = self.value(definition.type, details, variable, 0)  # type: ignore[union-attr]
            except _NotPlain:
                if rest is None:
                    raise
                rest[key] = details
                expression = "None"
            else:
                reads.append(f"{variable} = o.{name}")
                names.append(name)
            entries.append(f"{key!r}: {expression},")
        return [*reads, "return {", *entries, "}"], names

    def admission(
        self, names: list[str], type_check: Callable[[Any, Any], bool] | None
    ) -> list[str]:
        """The lines that make sure that reading `names` of `o` is reading plain attributes."""
        plain = self._name("k", set())
        if type_check is None:
            admit = self._name("admit", _admission(names, None, self._names[plain], set()))
            return [f"if type(o) not in {plain}:", f"    {admit}(o)"]
        # Objects with a __dict__ may each have been cast to another type.
        loose = self._name("d", set())
        admit = self._name(
            "admit", _admission(names, type_check, self._names[plain], self._names[loose])
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
        except GraphQLError:  # a condition without a value: the walk says so where it belongs
            raise _NotPlain from None
        body, names = self.fields(type_, selected, None)
        name = f"object{len(self._names)}"
        check = self.admission(names, type_check)
        self._names[name] = None  # taken; the source defines it
        self._define(name, "o", [*check, *body])
        return name

    def _leaf(self, type_: GraphQLLeafType, nullable: bool, v: str) -> str:
        slow = self._name("leaf", _leaf(type_, nullable))
        if isinstance(type_, CustomGraphQLEnumType):
            cls = self._name("e", type_.wrapped_cls)
            members = self._name("m", _enum_names(type_))
            return f"({members}[{v}] if type({v}) is {cls} else {slow}({v}))"
        template = _FAST_LEAVES.get(type_, "{slow}({v})")
        return f"({template.format(v=v, slow=slow)})"

    def _name(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self._names)}"
        self._names[name] = value
        return name

    def _define(self, name: str, parameter: str, body: list[str]) -> None:
        self._lines.append(f"def {name}({parameter}):")
        self._lines.extend(f"    {line}" for line in body)


def _plain_attribute(definition: GraphQLField | None, details: FieldDetailsList) -> str:
    """The attribute that a plain field reads; raises _NotPlain for any other field."""
    if definition is None or definition.args:
        raise _NotPlain
    if getattr(definition.resolve, "__qualname__", "") != _BASIC_RESOLVER:
        raise _NotPlain
    source = definition.extensions.get("strawberry-definition")
    if not isinstance(source, StrawberryField) or source.default_resolver is not getattr:
        raise _NotPlain
    if type(source).get_result is not StrawberryField.get_result:
        raise _NotPlain
    for detail in details:
        for directive in detail.node.directives or ():
            if directive.name.value not in ("skip", "include"):
                raise _NotPlain
    name = source.python_name
    if not name.isidentifier() or keyword.iskeyword(name):
        raise _NotPlain
    return name


def _admission(
    names: list[str],
    type_check: Callable[[Any, Any], bool] | None,
    plain: set[type],
    loose: set[type],
) -> Callable[[Any], None]:
    def admit(o: Any) -> None:
        cls = type(o)
        if not _is_plain_class(cls, names):
            raise Walk
        known = plain
        if type_check is not None:
            if TYPE_CAST_ATTRIBUTE in getattr(o, "__dict__", ()) or not type_check(o, None):
                raise Walk
            known = loose if hasattr(o, "__dict__") else plain
        if len(known) < CLASSES_MAX:
            known.add(cls)

    return admit


def _is_plain_class(cls: type, names: list[str]) -> bool:
    """Whether reading `names` of an instance runs no code: no properties, no __getattr__."""
    if cls is type(None) or cls is type(Undefined) or issubclass(cls, BaseException):
        return False
    if cls.__getattribute__ is not object.__getattribute__:
        return False
    spaces = [vars(base) for base in cls.__mro__ if base is not object]
    if any(
        special in space
        for space in spaces
        for special in ("__getattr__", "__await__", "__class__", TYPE_CAST_ATTRIBUTE)
    ):
        return False
    for name in names:
        for space in spaces:
            if name in space:
                value = space[name]
                if hasattr(type(value), "__get__") and not isinstance(value, MemberDescriptorType):
                    return False
                break
    return True


def _leaf(type_: GraphQLLeafType, nullable: bool) -> Callable[[Any], Any]:
    """The careful way to complete a leaf: as the walk does, but with Walk for every error."""
    coerce = type_.coerce_output_value
    harmless: set[type] = set()

    def complete(value: Any) -> Any:
        cls = type(value)
        if cls not in harmless:
            if value is None or value is Undefined:
                if nullable:
                    return None
                raise Walk
            if isinstance(value, Exception) or optimized_is_awaitable(value):
                raise Walk
            # Without a __dict__ no instance is what another is not; of generators some may be
            # awaited.
            if cls.__dictoffset__ == 0 and cls is not GeneratorType and len(harmless) < CLASSES_MAX:
                harmless.add(cls)
        coerced = coerce(value)
        if type(coerced) is str:
            return coerced
        if coerced is None or coerced is Undefined or optimized_is_awaitable(coerced):
            raise Walk
        return coerced

    return complete


def _enum_names(type_: CustomGraphQLEnumType) -> dict[Any, str]:
    names: dict[Any, str] = {}
    members: Iterable[Any] = type_.wrapped_cls
    for member in members:
        try:
            names[member] = type_.coerce_output_value(member)
        except (ValueError, GraphQLError):  # not part of the schema: a KeyError, then the walk
            continue
    return names


def _walk() -> None:
    raise Walk
