"""Document cache: each text is parsed once, memory is bounded, floods do no harm, limits are
linear."""

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from graphql import DocumentNode, get_introspection_query, parse

import server.operations.documents
from server.operations.documents import Document, DocumentCache
from server.operations.errors import DocumentRefused, RequestRefused
from server.operations.limits import RequestLimits
from tests.server.conftest import SCHEMA


def a_cache(**options: Any) -> DocumentCache:
    """A cache for the sample schema."""
    return DocumentCache(SCHEMA.graphql_schema, limits=RequestLimits(), **options)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that were parsed."""
    texts: list[str] = []

    def counting(text: str, **options: Any) -> DocumentNode:
        texts.append(text)
        return parse(text, **options)

    monkeypatch.setattr(server.operations.documents, "parse", counting)
    return texts


def test_a_text_is_parsed_once(parsed: list[str]) -> None:
    cache = a_cache()
    assert cache.get("{ echo }", None) is cache.get("{ echo }", None)
    assert parsed == ["{ echo }"]


def test_the_operation_name_is_part_of_the_key() -> None:
    cache = a_cache()
    text = "query A { echo } query B { first { sku } }"
    assert (cache.get(text, "A").name, cache.get(text, "B").name) == ("A", "B")


def test_a_refusal_is_remembered_and_raised_anew(parsed: list[str]) -> None:
    cache = a_cache()
    for _ in range(3):
        with pytest.raises(DocumentRefused):
            cache.get("{ nope }", None)
    assert len(parsed) == 1


def test_a_flood_of_distinct_texts_leaves_what_clients_use(parsed: list[str]) -> None:
    cache = a_cache(entries=40)
    used = [f"{{ echo(number: {n}) }}" for n in range(10)]
    for text in used * 2:
        cache.get(text, None)
    for n in range(200):
        cache.get(f"{{ a{n}: echo }}", None)
        assert len(cache) <= 40
    parsed.clear()
    for text in used:
        cache.get(text, None)
    assert parsed == []


def test_long_texts_count_by_their_size() -> None:
    cache = a_cache(bytes=30_000_000)
    for n in range(50):
        cache.get(f"{{ a{n}: echo }} #" + "x" * 10_000, None)
        assert cache.bytes <= 30_000_000
    assert 0 < len(cache) <= 3  # a quarter of the cache is for texts seen once


def test_a_text_larger_than_the_cache_still_runs() -> None:
    cache = a_cache(bytes=1_000)
    assert isinstance(cache.get("{ echo }", None), Document)
    assert (len(cache), cache.bytes) == (0, 0)


def test_fragments_are_measured_once() -> None:
    names = [f"F{n}" for n in range(40)]
    spreads = "".join(
        f"fragment {name} on Stock {{ ...{after} ...{after} }} " for name, after in pairwise(names)
    )
    text = "{ first { ...F0 } } " + spreads + f"fragment {names[-1]} on Stock {{ sku }}"
    started = time.perf_counter()
    with pytest.raises(RequestRefused, match="more than 2000 fields"):
        a_cache().get(text, None)
    assert time.perf_counter() - started < 0.25


def test_nested_fragments_count_towards_the_depth() -> None:
    text = "{ first { ...A } } fragment A on Stock { twin { ...B } } fragment B on Stock "
    a_cache().get(text + "{ twin { sku } }", None)
    with pytest.raises(RequestRefused, match="more than 14 levels of fields"):
        a_cache().get(text + "{ twin " * 12 + "{ sku }" + "}" * 12, None)


def test_unknown_and_unused_fragments_are_left_to_validation() -> None:
    for text in ("{ first { ...Nope } }", "{ echo } fragment F on Stock { sku }"):
        with pytest.raises(DocumentRefused, match="ragment"):
            a_cache().get(text, None)


def test_the_full_introspection_query_passes_the_defaults() -> None:
    text = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True
    )
    assert isinstance(a_cache().get(text, None), Document)


def repeated_fields(levels: int, width: int) -> str:
    inner = "sku"
    for _ in range(levels):
        inner = f"twin {{ {inner} }} " * width
    return f"{{ first {{ {inner} }} }}"


def many_fragments(inner: str) -> str:
    spreads = " ".join(f"...F{n}" for n in range(40))
    return f"{{ first {{ {spreads} }} }} " + " ".join(
        f"fragment F{n} on Stock {{ {inner} }}" for n in range(40)
    )


HOSTILE = {
    "repetitions": repeated_fields(3, 9),
    "few repetitions": "{ first {" + "twin { units sku weight notes colour inStock } " * 40 + "} }",
    "alike fragments": many_fragments("sku units weight notes colour inStock id "),
    "alike deep fragments": many_fragments("twin { twin { twin { twin { sku units } } } }"),
    "unknown inputs": "{ echo(text: {" + " ".join(f"n{i}:{i}" for i in range(1_200)) + "}) }",
    "lists": "{ echo(text: [" + "[]," * 1_900 + "]) }",
    "names": "{ first {" + " ".join(f"n{n}" for n in range(1_900)) + "} }",
    "variables": "query(" + " ".join(f"$v{n}: Int" for n in range(99)) + ") { echo }",
    "unknown fragments": "{ first {" + " ".join(f"...F{n}" for n in range(1_900)) + "} }",
}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of a piece of work: the minimum of three runs."""
    costs = []
    for _ in range(3):
        started = time.process_time()
        with suppress(RequestRefused):
            work()
        costs.append(time.process_time() - started)
    return min(costs)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_worst_that_the_limits_let_through_costs_little_more_than_reading_it(
    text: str,
) -> None:
    reading = cpu_seconds(lambda: parse(text))
    # Measured: 1 to 9 times. A document that the limits must stop would take thousands of times.
    assert cpu_seconds(lambda: a_cache().get(text, None)) < 60 * reading
