"""Codes of items in an upsert: which change, and whether another item has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import models.queries.catalog.item_codes as code_queries
import models.queries.catalog.lookups as lookups
from domain.catalog.commands import GivenCode
from domain.catalog.item_codes import check_gtin, scan_key
from domain.errors import AlreadyExists, DomainError
from domain.problems import Problems
from domain.values.codes import ByCode, comparison_key
from models.catalog import ItemCodeRow, VersionedItemRow
from workflows.transactions.transaction import Transaction

Refuse = Callable[[str, DomainError], None]


@dataclass(frozen=True, slots=True)
class WantedCodes:
    """The facts of an upsert that decide an item's codes; None: unchanged.

    `barcode` is the one that the item will have; `sets_barcode`: the upsert names it.
    """

    barcode: str | None
    sets_barcode: bool
    listed: tuple[GivenCode, ...] | None


@dataclass(frozen=True, slots=True)
class _Code:
    """A code that an item will have, and the field of the input that names it."""

    code: str
    units: int
    is_listed: bool
    path: tuple[str, ...]

    @property
    def key(self) -> str:
        return scan_key(self.code)


@dataclass
class CodePlan:
    """The codes to write, by SKU, and the items that have codes now."""

    codes: dict[str, list[_Code]] = field(default_factory=dict)
    current: dict[str, Sequence[ItemCodeRow]] = field(default_factory=dict)

    def keys_before(self, sku: str) -> frozenset[str]:
        """The keys of the codes that an item has now."""
        return frozenset(row["scan_key"] for row in self.current.get(sku, ()))

    def released(self, sku: str) -> frozenset[str]:
        """The keys of the codes that an item has now and will no longer have."""
        if sku not in self.codes:
            return frozenset()
        return self.keys_before(sku) - {each.key for each in self.codes[sku]}

    def shown(self, sku: str) -> list[dict[str, object]] | None:
        """The new codes of an item for its audit row; None if they do not change."""
        codes = self.codes.get(sku)
        if codes is None:
            return None
        return [{"code": each.code, "units": each.units} for each in codes]

    def shown_before(self, sku: str) -> list[dict[str, object]]:
        """The present codes of an item for its audit row."""
        return [{"code": row["code"], "units": row["units"]} for row in self.current.get(sku, ())]


async def plan(
    tx: Transaction,
    wanted: Mapping[str, WantedCodes],
    current: ByCode[VersionedItemRow],
    refuse: Refuse,
) -> CodePlan:
    """The codes that change. `refuse` gets the SKU of each item whose code is wrong or taken.

    The items must be locked. A code is taken if another item has it as a code or as its SKU, and
    does not give it up in the same call. An item that is refused gives up none.
    """
    touched = {
        sku: facts
        for sku, facts in wanted.items()
        if facts.sets_barcode or facts.listed is not None
    }
    found = CodePlan()
    ids = {sku: current[sku]["id"] for sku in touched if sku in current}
    rows = await code_queries.codes_by_item(tx.session, sorted(ids.values())) if ids else {}
    found.current = {sku: rows.get(item_id, ()) for sku, item_id in ids.items()}
    for sku, facts in touched.items():
        codes = _codes(facts, found.current.get(sku, ()))
        before = [
            (row["code"], row["units"], bool(row["is_listed"]))
            for row in found.current.get(sku, ())
        ]
        if [(each.code, each.units, each.is_listed) for each in codes] != before:
            found.codes[sku] = codes
    await _check(tx, wanted, found, current, refuse)
    return found


def _codes(facts: WantedCodes, present: Iterable[ItemCodeRow]) -> list[_Code]:
    """The item's list, and its barcode unless the list has it."""
    if facts.listed is None:
        codes = [
            _Code(row["code"], row["units"], True, ("codes",))
            for row in present
            if row["is_listed"]
        ]
    else:
        codes = [
            _Code(given.code, given.units, True, ("codes", str(index), "code"))
            for index, given in enumerate(facts.listed)
        ]
    if facts.barcode is not None and scan_key(facts.barcode) not in {each.key for each in codes}:
        codes.append(_Code(facts.barcode, 1, False, ("barcode",)))
    return codes


async def _check(
    tx: Transaction,
    wanted: Mapping[str, WantedCodes],
    found: CodePlan,
    current: ByCode[VersionedItemRow],
    refuse: Refuse,
) -> None:
    added = {
        sku: [each for each in codes if each.key not in found.keys_before(sku)]
        for sku, codes in found.codes.items()
    }
    new_skus = [sku for sku in wanted if sku not in current]
    owners = await _owners(tx, new_skus, [each for codes in added.values() for each in codes])
    owners.add_skus(wanted)
    for sku in found.codes:
        owners.release(sku, found.released(sku))
    refused: list[str] = []
    for sku in wanted:
        problems = Problems()
        if sku in new_skus:
            with problems.under():
                owners.claim(scan_key(sku), sku, sku, ("sku",))
        for each in added.get(sku, ()):
            with problems.under():
                check_gtin(each.code, *each.path)
                owners.claim(each.key, each.code, sku, each.path)
        for error in problems.errors:
            refuse(sku, error)
        if problems.errors:
            refused.append(sku)
    _refuse_dependent(wanted, found, added, owners, refused, refuse)


def _refuse_dependent(
    wanted: Mapping[str, WantedCodes],
    found: CodePlan,
    added: Mapping[str, Sequence[_Code]],
    owners: _Owners,
    refused: list[str],
    refuse: Refuse,
) -> None:
    """Refuse the items that take codes from refused ones, which keep theirs."""
    given = {comparison_key(sku): sku for sku in wanted}
    is_refused = set(refused)
    while refused:
        keeper = refused.pop()
        kept = found.released(keeper)
        found.codes.pop(keeper, None)
        for key in sorted(kept):
            taker = given.get(comparison_key(owners.by_key.get(key, keeper)))
            if taker is None or taker == keeper or taker in is_refused:
                continue
            code = next((each for each in added.get(taker, ()) if each.key == key), None)
            path = ("sku",) if code is None else code.path
            shown = taker if code is None else code.code
            refuse(taker, AlreadyExists("item code", shown, keeper, field=path))
            is_refused.add(taker)
            refused.append(taker)


async def _owners(tx: Transaction, new_skus: Sequence[str], added: Sequence[_Code]) -> _Owners:
    """The items that have these codes, or SKUs like them. No statement if nothing is new."""
    owners = _Owners()
    if keys := {each.key for each in added}.union(map(scan_key, new_skus)):
        for row in await code_queries.holders(tx.session, keys):
            owners.holders.setdefault(row["scan_key"], []).append(row["sku"])
    if added:
        items = await lookups.items_by_sku(tx.session, [each.code for each in added])
        owners.add_skus(item.sku for item in items.values())
    return owners


@dataclass
class _Owners:
    """The SKUs of the items that have a code, by its key, and of those that have it as SKU.

    `holders`: those that keep it, of those that have it now; `by_key`: those that take it.
    """

    holders: dict[str, list[str]] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    by_sku: dict[str, str] = field(default_factory=dict)

    def add_skus(self, skus: Iterable[str]) -> None:
        self.by_sku |= {comparison_key(sku): sku for sku in skus}

    def release(self, sku: str, keys: Iterable[str]) -> None:
        """Let other items take codes that this one gives up."""
        own = comparison_key(sku)
        for key in keys:
            kept = [each for each in self.holders.get(key, ()) if comparison_key(each) != own]
            self.holders[key] = kept

    def claim(self, key: str, code: str, sku: str, path: tuple[str, ...]) -> None:
        """Give a code to an item. Raises AlreadyExists if another one has it."""
        own = comparison_key(sku)
        taken = (self.by_key.get(key), self.by_sku.get(comparison_key(code)))
        for owner in (*self.holders.get(key, ())[:1], *taken):
            if owner is not None and comparison_key(owner) != own:
                raise AlreadyExists("item code", code, owner, field=path)
        self.by_key[key] = sku


async def write(tx: Transaction, found: CodePlan, ids: Mapping[str, int]) -> None:
    """Write the codes that change; `ids` has the items by SKU."""
    if not found.codes:
        return
    rows = [
        ItemCodeRow(
            item_id=ids[sku],
            code=each.code,
            scan_key=each.key,
            units=each.units,
            is_listed=each.is_listed,
            is_shared=any(
                row["scan_key"] == each.key and bool(row["is_shared"])
                for row in found.current.get(sku, ())
            ),
        )
        for sku, codes in found.codes.items()
        for each in codes
    ]
    kept = {(row["item_id"], row["scan_key"]) for row in rows}
    freed = [
        row["scan_key"]
        for sku in found.codes
        for row in found.current.get(sku, ())
        if row["is_shared"] and (row["item_id"], row["scan_key"]) not in kept
    ]
    await code_queries.replace_codes(tx.session, [ids[sku] for sku in found.codes], rows, freed)
