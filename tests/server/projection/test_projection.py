"""The compiled projection case by case: the parts that run as generated code, and the others."""

import decimal
from collections.abc import Callable
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, Undefined
from graphql.execution.values import get_variable_values

from server.operations.documents import Document, DocumentCache
from server.operations.executor import Executor, build_executor
from server.operations.limits import RequestLimits
from server.operations.shapes import SHAPES_MAX, shape_of
from tests.server.sample import (
    Bolt,
    Colour,
    Place,
    Price,
    SampleContext,
    a_schema,
    a_stock,
)

SCHEMA = a_schema().graphql_schema
PLAIN = "{ stocks { sku units inStock weight colour price { amount } places { code shipBy } } }"


def a_document(text: str, uses: int = 2) -> Document:
    """A document at its `uses`-th use."""
    document = DocumentCache(SCHEMA, limits=RequestLimits()).get(text, None)
    document.uses = uses
    return document


def run(document: Document, rows: Any, **variables: Any) -> tuple[Any, Executor]:
    """Data and errors, equal for both executors, and the compiled executor."""
    definitions = document.operation.variable_definitions or ()
    values = get_variable_values(SCHEMA, definitions, variables)
    assert not isinstance(values, list)
    results = []
    for compiled in (False, True):
        context = SampleContext(rows=rows() if callable(rows) else rows)
        executor = build_executor(document, values, context, None, compiled=compiled)
        result: Any = executor.execute_operation()
        assert isinstance(result, ExecutionResult)
        results.append((result.data, [error.formatted for error in result.errors or ()]))
    walked, projected = results
    assert projected == walked
    return projected[0], executor


def test_a_plain_list_is_one_projection() -> None:
    data, executor = run(a_document(PLAIN), [a_stock(), None, a_stock(units=9)])
    assert (executor.projected, executor.walked_again) == (1, 0)
    assert data["stocks"][1] is None
    assert data["stocks"][2]["units"] == 9
    assert data["stocks"][0]["colour"] == "RED"


def test_the_first_use_of_a_text_is_not_compiled() -> None:
    _, executor = run(a_document("{ stocks { sku units } }", uses=1), [a_stock()])
    assert executor.projected == 0


def test_the_first_use_of_a_costly_text_is_compiled() -> None:
    _, executor = run(a_document("{ stocks { places { code units } } }", uses=1), [a_stock()])
    assert executor.projected == 1


def test_a_text_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    document = a_document(PLAIN)
    run(document, [a_stock()])
    # calling None would raise
    monkeypatch.setattr("server.operations.executor.compile_value", None)
    assert run(document, [a_stock()])[1].projected == 1


def test_beside_a_resolver_the_plain_fields_are_projected() -> None:
    text = "{ stocks { units shout sku twin { sku } places { code } } }"
    data, executor = run(a_document(text), [a_stock()])
    assert list(data["stocks"][0]) == ["units", "shout", "sku", "twin", "places"]
    assert executor.projected == 2  # the row's own fields, and those of the twin
    assert executor.walked_again == 0


def test_what_an_interface_holds_is_projected_by_its_type() -> None:
    text = "{ node(id: 7) { id __typename ... on Stock { sku price { amount } } } }"
    data, executor = run(a_document(text), [a_stock(id=strawberry.ID("7"))])
    assert data["node"]["sku"] == "shirt"
    assert executor.projected == 1


def test_only_the_object_that_fails_is_walked() -> None:
    rows = [a_stock(), a_stock(units=None), a_stock()]
    data, executor = run(a_document(PLAIN), rows)
    assert [row is None for row in data["stocks"]] == [False, True, False]
    assert executor.projected >= 2


class Slotted:
    """A class without Strawberry that has the attributes its fields read."""

    __slots__ = ("code", "ship_by")

    def __init__(self) -> None:
        self.code, self.ship_by = "S", None


class Computed(Place):
    """A subclass with a computed attribute."""

    @property
    def code(self) -> str:
        return "computed"

    @code.setter
    def code(self, value: str) -> None:
        pass


class Dynamic:
    """A class whose attributes are computed in __getattr__."""

    def __getattr__(self, name: str) -> Any:
        return {"code": "dynamic", "units": 3}[name]


def cast_to_bolt() -> Any:
    """A row that claims to be of another type."""
    return strawberry.cast(Bolt, a_stock())


ROWS: dict[str, tuple[Callable[[], Any], bool]] = {
    "slots": (lambda: a_stock(places=[Slotted()]), True),
    "a tuple": (lambda: a_stock(places=(Place(code="t", units=1),)), True),
    "an enum's raw value": (lambda: a_stock(colour="r"), True),
    "numbers as text": (lambda: a_stock(units="12", weight=1, sku=5), True),
    "Undefined": (lambda: a_stock(weight=Undefined), True),
    "properties": (lambda: a_stock(places=[Computed(code="x", units=1)]), False),
    "__getattr__": (lambda: a_stock(places=[Dynamic()]), False),
    "a generator": (lambda: a_stock(places=(Place(code=c, units=1) for c in "ab")), False),
    "an exception in an attribute": (lambda: a_stock(weight=ValueError("no")), False),
    "another enum's value": (lambda: a_stock(colour=3), False),
    "a missing attribute": (lambda: a_stock(places=[object()]), False),
    "an int out of range": (lambda: a_stock(units=2**31), False),
    "NaN": (lambda: a_stock(weight=float("nan")), False),
    "a dict": (lambda: a_stock(price={"amount": 1}), False),
    "another type by cast": (cast_to_bolt, False),
    "another type": (lambda: Price(amount=decimal.Decimal(1), currency="GBP"), False),
}


@pytest.mark.parametrize(("row", "is_projected"), ROWS.values(), ids=ROWS.keys())
def test_odd_rows_answer_as_the_walk_does(row: Callable[[], Any], is_projected: bool) -> None:
    document = a_document(PLAIN)
    run(document, [a_stock()])  # its classes are known after this run
    _, executor = run(document, lambda: [row()])
    assert (executor.walked_again == 0) is is_projected


def test_conditions_each_have_their_own_shape() -> None:
    text = "query($a: Boolean!) { stocks { sku @include(if: $a) ... @skip(if: $a) { units } } }"
    document = a_document(text)
    for _ in range(2):
        for flag, key in ((True, "sku"), (False, "units")):
            data, executor = run(document, [a_stock()], a=flag)
            assert list(data["stocks"][0]) == [key]
            assert executor.projected == 1
    assert len(document.memory["shapes"]) == 2


def test_the_number_of_shapes_is_bounded() -> None:
    names = "abcdefgh"
    text = (
        f"query({' '.join(f'${name}: Boolean!' for name in names)}) "
        f"{{ stocks {{ id {' '.join(f'{n}: sku @skip(if: ${n})' for n in names)} }} }}"
    )
    document = a_document(text)
    for number in range(40):
        flags = {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        data, _ = run(document, [a_stock()], **flags)
        assert set(data["stocks"][0]) == {"id"} | {name for name in names if not flags[name]}
    assert len(document.memory["shapes"]) == SHAPES_MAX


def test_an_enum_member_outside_the_schema_is_left_to_the_walk() -> None:
    assert run(a_document("{ stocks { colour } }"), [a_stock(colour=Colour.GREEN)])[0] == {
        "stocks": [{"colour": "GREEN"}]
    }


def test_keys_of_the_answer_keep_the_order_of_the_text() -> None:
    text = "{ stocks { b: units a: shout __typename c: sku } }"
    data, _ = run(a_document(text), [a_stock()])
    assert list(data["stocks"][0]) == ["b", "a", "__typename", "c"]


def test_a_shape_is_found_again() -> None:
    document = a_document(PLAIN)
    values = get_variable_values(SCHEMA, (), {})
    assert not isinstance(values, list)
    assert shape_of(document, values) is shape_of(document, values)
