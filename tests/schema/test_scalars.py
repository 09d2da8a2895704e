"""Scalars: accepted values are exact; other values are refused before any rule."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from schema.fields.scalars import JSON_DEPTH_MAX, decimal_of, instant_of, json_value
from tests.builders.in_process_server import BOOTSTRAP, InProcessServer


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12.50", "12.50"),
        (12, "12"),
        (12.1, "12.1"),
        (0.1, "0.1"),
        ("-0.005", "-0.005"),
        ("1E+3", "1E+3"),
        (1e21, "1E+21"),
    ],
)
def test_a_decimal_is_exactly_what_was_written(written: object, number: str) -> None:
    assert decimal_of(written) == Decimal(number)


@pytest.mark.parametrize(
    "written",
    [
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        float("inf"),
        float("nan"),
        "1E+999999",
        "1E-999999",
        "9" * 65,
        "1_000",
        " 1",
        "1 ",
        "",
        "one",
        "١٢",
        True,
        None,
        [],
        {},
    ],
)
def test_what_is_no_amount_is_refused(written: object) -> None:
    with pytest.raises(GraphQLError):
        decimal_of(written)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=0, max_value=10**12))
def test_text_and_number_say_the_same(number: Decimal) -> None:
    assert decimal_of(str(number)) == number
    assert decimal_of(float(number)) == Decimal(repr(float(number)))


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-01-31T12:00:00Z", 12),
        ("2026-01-31T12:00:00.123456Z", 12),
        ("2026-01-31T12:00:00+02:00", 10),
        ("2026-01-31t12:00:00z", 12),
    ],
)
def test_an_instant_is_kept_in_utc(written: str, hour: int) -> None:
    instant = instant_of(written)
    assert instant.tzinfo is UTC
    assert instant.hour == hour
    assert instant.date() == datetime(2026, 1, 31, tzinfo=UTC).date()


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T12:00:00",
        "2026-01-31",
        "2026-01-31 12:00:00Z",
        "2026-02-30T12:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "0001-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "20260131T120000Z    ",
        "T" * 30,
        1_700_000_000,
        None,
        True,
    ],
)
def test_what_is_no_instant_is_refused(written: object) -> None:
    with pytest.raises(GraphQLError):
        instant_of(written)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1.5, -1e18])
def test_json_keeps_numbers_of_64_bits(number: float) -> None:
    assert json_value({"a": [number, None, True, "x"]}) == {"a": [number, None, True, "x"]}


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400, 2.0**64, float("inf"), 1e300])
def test_json_refuses_numbers_beyond_64_bits(number: float) -> None:
    with pytest.raises(GraphQLError, match="beyond 64 bits"):
        json_value([{"a": number}])


def test_json_refuses_what_is_too_deep_or_no_json() -> None:
    deep: object = 1
    for _ in range(JSON_DEPTH_MAX - 1):
        deep = [deep]
    assert json_value(deep) == deep
    with pytest.raises(GraphQLError, match="nested"):
        json_value({"a": deep})
    with pytest.raises(GraphQLError, match="consists of"):
        json_value([datetime.now(UTC)])


async def test_json_is_refused_in_variables_and_literals_alike(api: InProcessServer) -> None:
    publish = """mutation%s { policyPublish(input: {kind: ADJUSTMENT, scope: "global",
      rules: {approvalAbove: %s}}) { policy { version } userErrors { code } } }"""
    for number in ("18446744073709551616", "9223372036854775808", "-9223372036854775809"):
        assert await api.code(publish % ("", number)) == "BAD_REQUEST"
        body = '{"query": %s, "variables": {"r": {"approvalAbove": %s}}}'
        variable = """mutation($r: JSON!) { policyPublish(input: {kind: ADJUSTMENT,
          scope: "global", rules: $r}) { policy { version } } }"""
        content = body % (json.dumps(variable), number)
        answer = await api.client.post(
            "/graphql",
            content=content,
            headers={
                "authorization": f"Bearer {BOOTSTRAP}",
                "content-type": "application/json",
            },
        )
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "BAD_REQUEST"
        assert "64 bits" in error["message"]


async def test_a_bad_scalar_is_a_bad_request_in_variables_and_literals(
    api: InProcessServer,
) -> None:
    with_variable = "query ($at: DateTime) { trialBalance(asOf: $at) { balanced } }"
    assert await api.code(with_variable, {"at": "2026-01-01T00:00:00"}) == "BAD_REQUEST"
    literal = '{ trialBalance(asOf: "yesterday") { balanced } }'
    assert await api.code(literal) == "BAD_REQUEST"
    upsert = """mutation { itemsUpsert(items: [{sku: "A", name: "A",
      price: {amount: %s, currencyCode: "GBP"}}]) { items { price { amount } }
      userErrors { code field } } }"""
    assert await api.code(upsert % '"NaN"') == "BAD_REQUEST"
    assert await api.code(upsert % "true") == "BAD_REQUEST"
    for literal, shown in (("12.10", "12.10"), ('"12.1"', "12.10"), ("12", "12.00")):
        payload = await api.ask(upsert % literal)
        assert payload["itemsUpsert"]["items"] == [{"price": {"amount": shown}}]


async def test_any_json_comes_back_as_it_was_published(api: InProcessServer) -> None:
    rules = {"approvalAbove": {"GBP": "75.00", "EUR": "80.00"}}
    document = """mutation ($rules: JSON!) { policyPublish(input: {kind: ADJUSTMENT,
      scope: "global", rules: $rules}) { policy { rules version } userErrors { code } } }"""
    payload = await api.done(document, {"rules": rules})
    assert payload["policy"] == {"rules": rules, "version": 2}
    literal = """mutation { policyPublish(input: {kind: ADJUSTMENT, scope: "global",
      rules: {approvalAbove: {GBP: "75.00"}}}) { policy { rules } userErrors { code } } }"""
    payload = await api.done(literal, {})
    assert payload["policy"] == {"rules": {"approvalAbove": {"GBP": "75.00"}}}
