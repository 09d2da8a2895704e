"""Bulk upsert of items: each row is checked alone, all rows are locked and written together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import models.queries.catalog.catalog as catalog_queries
import workflows.catalog.item_codes as item_codes
from domain.access.callers import Caller
from domain.catalog.commands import Absent, GivenCode, UpsertItem, UpsertItems
from domain.catalog.validation import (
    ITEM_DEFAULTS,
    ITEMS_MAX,
    Facts,
    changed,
    check_items,
    item_facts,
)
from domain.errors import DomainError, Invalid, NotFound
from domain.events.catalog import ItemUpserted, changed_fields
from domain.problems import Problems
from domain.values.codes import ByCode, comparison_key
from models.catalog import VersionedItemRow
from workflows.catalog.item_codes import CodePlan, WantedCodes
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome, Refusal
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """One row of the call: the command, the column values, and the faults found in it."""

    command: UpsertItem
    facts: Facts
    problems: Problems


@one_by_one("itemsUpsert")
async def upsert(tx: Transaction, command: UpsertItems, caller: Caller) -> Outcome:
    """Create or change items. Rows are independent; of several rows for one SKU the last wins.

    A row whose SKU another row spells differently is refused: it may be meant as another item. The
    outcome's `items` has the ids in the order of the rows, None for a refused row. It is stored
    with the key unless nothing was done. Raises LimitExceeded above ITEMS_MAX rows. Locks the
    items. Records `item.upserted` for each item that changed.
    """
    _check_count(len(command.items))
    drafts = [_draft(item, tx.terms.base_currency) for item in command.items]
    await _find_suppliers(tx, drafts)
    _check_spelling(drafts)
    wanted: dict[str, Facts] = {}
    for draft in drafts:
        if not draft.problems.errors:
            wanted.setdefault(draft.command.sku, {}).update(draft.facts)
    current = await catalog_queries.lock_items(tx.session, wanted)
    codes = await _plan_codes(tx, drafts, wanted, current)
    await _update(tx, current, wanted, codes, caller)
    new = {sku: {**ITEM_DEFAULTS, **facts} for sku, facts in wanted.items() if sku not in current}
    created = await _insert(tx, new, codes, caller)
    ids = {sku: (current.get(sku) or created[sku])["id"] for sku in wanted}
    await item_codes.write(tx, codes, ids)
    return _outcome(drafts, ids)


async def _plan_codes(
    tx: Transaction,
    drafts: Sequence[ItemDraft],
    wanted: dict[str, Facts],
    current: ByCode[VersionedItemRow],
) -> CodePlan:
    """The codes that change. All rows of an item with a faulty code are refused."""
    listed: dict[str, tuple[GivenCode, ...]] = {}
    by_sku: dict[str, list[ItemDraft]] = {}
    for draft in drafts:
        by_sku.setdefault(draft.command.sku, []).append(draft)
        if not isinstance(draft.command.codes, Absent) and not draft.problems.errors:
            listed[draft.command.sku] = draft.command.codes or ()

    def refuse(sku: str, error: DomainError) -> None:
        wanted.pop(sku, None)
        for draft in by_sku[sku]:
            draft.problems.errors.append(error)

    facts = {
        sku: WantedCodes(
            barcode=cast("str | None", columns.get("barcode", _barcode_of(current.get(sku)))),
            sets_barcode="barcode" in columns,
            listed=listed.get(sku),
        )
        for sku, columns in wanted.items()
    }
    return await item_codes.plan(tx, facts, current, refuse)


def _barcode_of(row: VersionedItemRow | None) -> str | None:
    return None if row is None else row["barcode"]


def _check_spelling(drafts: Iterable[ItemDraft]) -> None:
    """Refuse each row whose SKU an earlier row of the call spells differently."""
    first: dict[str, str] = {}
    for draft in drafts:
        sku = draft.command.sku
        known = first.setdefault(comparison_key(sku), sku)
        if known != sku:
            with draft.problems.under():
                raise Invalid(f"{sku} and {known} in another row are the same SKU.", field=("sku",))


def _check_count(count: int) -> None:
    if count == 0:
        raise Invalid("At least one item is required; none was sent.", field=("items",))
    problems = Problems()
    with problems.under("items"):
        check_items(count, "items", ITEMS_MAX)
    for error in problems.errors:
        raise error


def _draft(command: UpsertItem, base_currency: str) -> ItemDraft:
    problems = Problems()
    return ItemDraft(command, item_facts(command, base_currency, problems), problems)


async def _find_suppliers(tx: Transaction, drafts: Iterable[ItemDraft]) -> None:
    """Add supplier ids to the column values. An unknown code is a fault of its row."""
    named = [draft for draft in drafts if not isinstance(draft.command.supplier_code, Absent)]
    codes = [code for draft in named if isinstance(code := draft.command.supplier_code, str)]
    found = await catalog_queries.suppliers_named(tx.session, codes)
    for draft in named:
        code = draft.command.supplier_code
        supplier = found.get(code) if isinstance(code, str) else None
        draft.facts["supplier_id"] = None if supplier is None else supplier["id"]
        if isinstance(code, str) and supplier is None:
            draft.problems.errors.append(NotFound("supplier", code, field=("supplierCode",)))


async def _update(
    tx: Transaction,
    current: ByCode[VersionedItemRow],
    wanted: Mapping[str, Facts],
    codes: CodePlan,
    caller: Caller,
) -> None:
    rows: list[VersionedItemRow] = []
    for given, facts in wanted.items():
        row = current.get(given)
        after = {} if row is None else changed(row, facts)
        shown = codes.shown(given)
        if row is not None and (after or shown is not None):
            version = row["version"] + 1
            rows.append(cast("VersionedItemRow", {**row, **after, "version": version}))
            values: Mapping[str, object] = row
            before = {column: values[column] for column in after}
            if shown is not None:
                before["codes"], after["codes"] = codes.shown_before(given), shown
            _report(tx, row["sku"], row["id"], version, before, after, caller)
    await catalog_queries.update_items(tx.session, rows, tx.now)


async def _insert(
    tx: Transaction, new: Mapping[str, Facts], codes: CodePlan, caller: Caller
) -> ByCode[VersionedItemRow]:
    if not new:
        return ByCode((), lambda row: row["sku"])
    created = await catalog_queries.insert_items(tx.session, new, tx.now)
    for row in created.values():
        sku = row["sku"]
        shown = codes.shown(sku)
        facts = new[sku] if shown is None else {**new[sku], "codes": shown}
        _report(tx, sku, row["id"], row["version"], None, facts, caller)
    return created


def _report(
    tx: Transaction,
    sku: str,
    item_id: int,
    version: int,
    before: Mapping[str, object] | None,
    after: Facts,
    caller: Caller,
) -> None:
    tx.outbox.record(
        ItemUpserted(sku=sku, created=before is None, changed=changed_fields(after)),
        item_id,
        actor=caller.actor,
        version=version,
    )
    tx.outbox.audit(
        caller.actor,
        "itemsUpsert",
        ("Item", item_id),
        before=before,
        after={"sku": sku, **after},
    )


def _refusal(error: DomainError, index: int) -> Refusal:
    """The refusal of a row; rows of one item may have the same error."""
    return replace(Refusal.of(error), field=("items", str(index), *error.field))


def _outcome(drafts: list[ItemDraft], ids: Mapping[str, int]) -> Outcome:
    refusals = tuple(
        _refusal(error, index)
        for index, draft in enumerate(drafts)
        for error in draft.problems.errors
    )
    items = [None if draft.problems.errors else ids[draft.command.sku] for draft in drafts]
    refs: dict[str, Any] = {"items": items}
    return Outcome(refs=refs, refusals=refusals, is_stored=bool(ids) or not refusals)
