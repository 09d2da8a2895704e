"""Dispositions of units of unmatched parcels, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access.callers import Role
from tests.builders.in_process_server import JSON, InProcessServer
from tests.builders.transactions import counts

RECEIVE = """mutation ($input: ReturnReceiveInput!) { returnReceive(input: $input) {
  exception { id kind status } userErrors { field code message } } }"""
DISPOSE = """mutation ($id: ID!, $sku: String!, $units: Int!, $way: Disposition!, $note: String!) {
  unidentifiedUnitsDispose(exceptionId: $id, sku: $sku, quantity: $units, disposition: $way,
    note: $note) { exception { id kind status resolution }
    replayed userErrors { field code message details } } }"""
LEVEL = """{ stockLevels { nodes { available quarantine } } }"""
CHANGED = ("stock_movement", "journal_entry", "event", "unidentified_unit", "audit_entry")


@pytest.fixture
async def parcel(api: InProcessServer) -> str:
    """The exception of a parcel with two shirts that matches no return."""
    await api.receive(1)
    came = {"locationCode": "LEEDS", "items": [{"sku": "TEE", "quantity": 2}]}
    found: JSON = (await api.done(RECEIVE, {"input": came}))["exception"]
    assert found["kind"] == "UNIDENTIFIED_PARCEL"
    return str(found["id"])


def units(parcel: str, number: int, way: str, **facts: Any) -> JSON:
    return {"id": parcel, "sku": "TEE", "units": number, "way": way, "note": "Why.", **facts}


async def test_the_last_unit_resolves_the_exception(api: InProcessServer, parcel: str) -> None:
    first = await api.done(DISPOSE, units(parcel, 1, "SCRAP"))
    assert first["exception"]["status"] == "OPEN"
    last = await api.done(DISPOSE, units(parcel, 1, "RETURN_TO_CUSTOMER"))
    assert last["exception"] == {
        **{"id": parcel, "kind": "UNIDENTIFIED_PARCEL", "status": "AUTO_RESOLVED"},
        **{"resolution": last["exception"]["resolution"]},
    }
    levels = (await api.ask(LEVEL))["stockLevels"]["nodes"]
    assert levels == [{"available": 1, "quarantine": 0}]


async def test_restocking_needs_a_supervisor(api: InProcessServer, parcel: str) -> None:
    warehouse = await api.a_key(Role.WAREHOUSE)
    before = await counts(api.restow.database, *CHANGED)
    given = units(parcel, 2, "RESTOCK")
    assert await api.refusals(DISPOSE, given, key=warehouse) == [
        ("APPROVAL_REQUIRED", "disposition")
    ]
    assert await counts(api.restow.database, *CHANGED) == before
    supervisor = await api.a_key(Role.SUPERVISOR)
    assert (await api.done(DISPOSE, given, key=supervisor))["exception"]["status"] == (
        "AUTO_RESOLVED"
    )
    levels = (await api.ask(LEVEL))["stockLevels"]["nodes"]
    assert levels == [{"available": 3, "quarantine": 0}]


async def test_refused_dispositions_change_nothing(api: InProcessServer, parcel: str) -> None:
    before = await counts(api.restow.database, *CHANGED)
    for given, refusal in (
        (units(parcel, 3, "SCRAP"), ("INSUFFICIENT_STOCK", "quantity")),
        (units(parcel, 0, "SCRAP"), ("INVALID", "quantity")),
        (units(parcel, 1, "QUARANTINE"), ("ILLEGAL_TRANSITION", "disposition")),
        (units(parcel, 1, "SCRAP", sku="NONE"), ("NOT_FOUND", "sku")),
        (units(parcel, 1, "SCRAP", note=""), ("INVALID", "note")),
    ):
        assert await api.refusals(DISPOSE, given) == [refusal]
    assert await counts(api.restow.database, *CHANGED) == before
    levels = (await api.ask(LEVEL))["stockLevels"]["nodes"]
    assert levels == [{"available": 1, "quarantine": 2}]


async def test_other_places_and_roles_do_not_see_the_parcel(
    api: InProcessServer, parcel: str
) -> None:
    away = await api.a_key(Role.WAREHOUSE, locations=("YORK",))
    storefront = await api.a_key(Role.STOREFRONT, channels=("web",))
    before = await counts(api.restow.database, *CHANGED)
    given = units(parcel, 1, "SCRAP")
    assert await api.refusals(DISPOSE, given, key=away) == [("NOT_FOUND", "exceptionId")]
    assert await api.code(DISPOSE, given, key=storefront) == "FORBIDDEN"
    assert await counts(api.restow.database, *CHANGED) == before
