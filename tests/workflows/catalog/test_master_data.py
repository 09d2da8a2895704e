"""Suppliers and reason codes."""

import asyncio

import orjson

import workflows.catalog.master_data
from domain.catalog.commands import ReasonKind, UpsertReasonCode, UpsertSupplier
from models.database.database import Database
from tests.builders.catalog import PLANNER
from tests.builders.transactions import codes, counts, rows, transactions_on
from workflows.transactions.outcomes import Request

REASONS = "SELECT * FROM reason_code WHERE code = 'MOTHS'"


async def test_a_reason_code_is_made_and_closed(database: Database) -> None:
    transactions = transactions_on(database)
    command = UpsertReasonCode("MOTHS", ReasonKind.ADJUSTMENT, "Eaten by moths")
    await transactions.perform(
        workflows.catalog.master_data.upsert_reason_code, Request(command, PLANNER)
    )
    closed = UpsertReasonCode("MOTHS", ReasonKind.ADJUSTMENT, "Moths", active=False)
    await transactions.perform(
        workflows.catalog.master_data.upsert_reason_code, Request(closed, PLANNER)
    )
    (row,) = await rows(database, REASONS)
    assert (row["kind"], row["label"], bool(row["active"])) == ("ADJUSTMENT", "Moths", False)


async def test_a_code_may_stand_for_two_kinds(database: Database) -> None:
    transactions = transactions_on(database)
    for kind in (ReasonKind.ADJUSTMENT, ReasonKind.WRITE_OFF):
        command = UpsertReasonCode("MOTHS", kind, "Moths")
        await transactions.perform(
            workflows.catalog.master_data.upsert_reason_code, Request(command, PLANNER)
        )
    assert len(await rows(database, REASONS)) == 2


async def test_bad_codes_and_names_are_refused(database: Database) -> None:
    transactions = transactions_on(database)
    before = await counts(database, "reason_code", "supplier")
    reason = UpsertReasonCode("", ReasonKind.RETURN, "\x00")
    outcome = await transactions.perform(
        workflows.catalog.master_data.upsert_reason_code, Request(reason, PLANNER)
    )
    assert codes(outcome) == [("INVALID", ("code",)), ("INVALID", ("label",))]
    supplier = UpsertSupplier("a/b", "x" * 256)
    outcome = await transactions.perform(
        workflows.catalog.master_data.upsert_supplier, Request(supplier, PLANNER)
    )
    assert codes(outcome) == [("INVALID", ("code",)), ("INVALID", ("name",))]
    assert await counts(database, "reason_code", "supplier") == before


async def test_concurrent_calls_for_one_new_supplier_end_well(database: Database) -> None:
    transactions = transactions_on(database)
    outcomes = await asyncio.gather(
        *(
            transactions.perform(
                workflows.catalog.master_data.upsert_supplier,
                Request(UpsertSupplier("ACME", f"A{n}"), PLANNER),
            )
            for n in range(8)
        )
    )
    assert len({outcome.refs["supplier"] for outcome in outcomes}) == 1


async def test_a_change_is_stored_and_recorded_alike_on_both_engines(database: Database) -> None:
    transactions = transactions_on(database)
    for label, active in (("Moths", True), ("Moths", True), ("Moths", False)):
        command = UpsertReasonCode("MOTHS", ReasonKind.ADJUSTMENT, label, active=active)
        await transactions.perform(
            workflows.catalog.master_data.upsert_reason_code, Request(command, PLANNER)
        )
    (row,) = await rows(database, REASONS)
    assert (row["label"], row["active"], row["version"]) == ("Moths", False, 2)
    audits = await rows(
        database, "SELECT before, after FROM audit_entry WHERE action = 'reasonCodeUpsert'"
    )
    found = [tuple(text and orjson.loads(text) for text in each.values()) for each in audits]
    key = {"kind": "ADJUSTMENT", "code": "MOTHS"}
    made = (None, {**key, "label": "Moths", "active": True})
    closed = ({"active": True}, {**key, "active": False})
    assert sorted(found, key=repr) == sorted([made, closed], key=repr)
