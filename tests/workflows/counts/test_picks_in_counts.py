"""Picks that were scanned while a count was booked: undone ones do not move, and none blocks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.queries.reads.bins as bin_reads
import workflows.counts.posting as posting
import workflows.orders.picks as picks
from models.database.database import Database
from models.queries.listing.scopes import Scope
from models.queries.stock.picks import UnbookedPickRow
from tests.builders.floor.bins import open_floor
from tests.builders.floor.counts import BEN, CLEO, Counting, open_counting
from tests.builders.transactions import rows
from workflows.ledger.reconciliation import reconcile
from workflows.transactions.transaction import Transaction
from workflows.warehouse.scanned_parcels import Scan


@pytest.fixture
async def counting(database: Database) -> Counting:
    made = await open_counting(database, blind=False, recountAbove={"units": None})
    await made.adjustments_above("100000.00")
    await made.shop.receive(2)
    await made.shop.receive(5, "TEE-S")
    return made


async def unbooked(counting: Counting) -> list[int]:
    found = await rows(counting.database, "SELECT units FROM unbooked_pick ORDER BY id")
    return [row["units"] for row in found]


async def test_picks_that_were_undone_during_a_count_need_no_units(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count of 0 takes the units of a parcel; two of them were picked and put back meanwhile.

    On SQLite no scan gets between the steps of a count. Its scans come before the count, which
    is asked for again because the shelf changed.
    """
    order = await counting.shop.place(("TEE-M", 2), ("TEE-S", 1))
    [parcel] = await counting.shop.fulfillments(order)
    key = parcel["id"]
    undone = (Scan("TEE-M", 1, key), Scan("TEE-M", 1, key), Scan("TEE-M", -2, key))
    lock_holds = posting._lock_holds

    async def scan_first(tx: Transaction, lines: list[posting.LineToPost]) -> object:
        found = await lock_holds(tx, lines)
        assert not (await counting.warehouse.scan(*undone, by=BEN)).refusals
        return found

    if counting.database.engine == "postgres":
        monkeypatch.setattr(posting, "_lock_holds", scan_first)
    else:
        assert not (await counting.warehouse.scan(*undone, by=BEN)).refusals
    assert not (await counting.record(("TEE-M", 0), by=CLEO)).refusals
    monkeypatch.undo()
    await picks.book_waiting(counting.shop.transactions)
    assert await unbooked(counting) == []
    is_between = counting.database.engine == "postgres"
    assert await counting.level() == ({} if is_between else {"allocated": 2})
    assert await reconcile(counting.database) == []


async def test_an_item_whose_picks_cannot_be_booked_stops_no_other(counting: Counting) -> None:
    order = await counting.shop.place(("TEE-S", 2))
    [parcel] = await counting.shop.fulfillments(order)
    level = "SELECT item_id, location_id FROM stock_level s JOIN item i ON i.id = s.item_id"
    [tee] = await rows(counting.database, f"{level} WHERE i.sku = 'TEE-M'")

    async def pick_unpromised(tx: Transaction) -> None:
        picks.record(tx, tee["item_id"], tee["location_id"], 1, "ann")

    await counting.shop.transactions.run(pick_unpromised)
    assert not (await counting.warehouse.scan(Scan("TEE-S", 2, parcel["id"]), by=BEN)).refusals
    assert await picks.book_waiting(counting.shop.transactions) == 1
    assert await unbooked(counting) == [1]
    assert (await counting.level("TEE-S"))["picked"] == 2


async def test_items_that_cannot_be_booked_fill_no_step(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picks, "ITEMS_MAX", 1)
    await test_an_item_whose_picks_cannot_be_booked_stops_no_other(counting)


@pytest.mark.parametrize(("received", "bins"), [(3, {"A-2": 2, "B-1": 1}), (0, {})])
async def test_units_put_back_into_another_bin_need_no_parcel(
    database: Database, received: int, bins: dict[str, int]
) -> None:
    """A count took the units of the parcel after the scans, so none is allocated. All is booked."""
    floor = await open_floor(database)
    await floor.receive_into(max(received, 1), "A-2")
    if not received:
        await floor.shop.adjust(-1)
    [level] = await rows(
        database,
        "SELECT s.item_id, s.location_id, b.id AS bin_id, t.id AS other_id FROM stock_level s"
        " JOIN item i ON i.id = s.item_id JOIN location l ON l.id = s.location_id,"
        " location b, location t WHERE i.sku = 'TEE-M' AND l.code = 'LEEDS'"
        " AND b.code = 'A-2' AND t.code = 'B-1'",
    )

    async def scanned(tx: Transaction) -> None:
        place = (level["item_id"], level["location_id"])
        picks.record(tx, *place, 1, "ann", level["bin_id"])
        picks.record(tx, *place, -1, "ann", level["other_id"])

    await floor.shop.transactions.run(scanned)
    assert await picks.book_waiting(floor.shop.transactions) == 2
    assert await rows(database, "SELECT id FROM unbooked_pick") == []
    assert await floor.bins() == bins
    assert await reconcile(database) == []


async def test_contents_of_a_bin_lack_picks_that_are_not_booked(counting: Counting) -> None:
    await counting.floor.put_away(("TEE-M", 2, "A-2"), ("TEE-S", 3, "A-2"))
    order = await counting.shop.place(("TEE-M", 2), ("TEE-S", 1))
    [parcel] = await counting.shop.fulfillments(order)
    scans = (Scan("TEE-M", 2, parcel["id"], None, "A-2"), Scan("TEE-S", 1, parcel["id"]))
    assert not (await counting.warehouse.scan(*scans, by=BEN)).refusals
    assert await unbooked(counting) == [2, 1]
    [bin_row] = await rows(counting.database, "SELECT id FROM location WHERE code = 'A-2'")
    for _ in range(2):
        async with counting.database.snapshot() as session:
            found = await bin_reads.contents_by_bin(session, Scope(), [bin_row["id"]])
        assert [row["quantity"] for row in found[bin_row["id"]]] == [2]
        await picks.book_waiting(counting.shop.transactions)


def _row(number: int, level: int, bin_id: int | None, units: int) -> UnbookedPickRow:
    return UnbookedPickRow(
        id=number, item_id=level, location_id=3, units=units, bin_id=bin_id, actor="ann"
    )


def test_units_that_came_back_are_not_picked() -> None:
    """Three from bin 1, one from bin 2; 2 came back into bin 1, 1 anywhere, 4 into bin 2.

    One of these 4 was picked from bin 2 and one from bin 1; the other 2 before these scans.
    """
    given = [(1, -1), (1, 3), (2, 1), (1, -2), (2, -4), (None, 2)]
    found = picks.net_steps([_row(number, 7, *each) for number, each in enumerate(given)])
    assert [(step.units, step.source, step.target, step.is_carried) for step in found] == [
        (-1, None, 1, False),
        (1, 1, 2, True),
        (-2, None, 2, False),
        (2, None, None, False),
    ]


_SCANS = st.lists(
    st.tuples(
        st.integers(1, 2), st.sampled_from([None, 1, 2]), st.integers(-3, 3).filter(lambda n: n)
    ),
    max_size=12,
)


@given(_SCANS)
@settings(max_examples=100, deadline=None)
def test_steps_have_the_sum_of_the_scans_and_no_pick_before_a_put_back(
    scans: list[tuple[int, int | None, int]],
) -> None:
    found = picks.net_steps([_row(number, *scan) for number, scan in enumerate(scans)])
    for level in (1, 2):
        steps = [each for each in found if each.level == (level, 3)]
        net = [each.units for each in steps if not each.is_carried]
        assert sum(net) == sum(units for place, _, units in scans if place == level)
        assert net == sorted(net, key=lambda units: units > 0)
        for bin_id in (1, 2):
            moved = sum(each.units for each in steps if each.is_carried and each.target == bin_id)
            moved -= sum(each.units for each in steps if each.source == bin_id)
            moved -= sum(each.units for each in steps if each.target == bin_id and each.units < 0)
            wanted = sum(-units for place, each, units in scans if (place, each) == (level, bin_id))
            assert moved == wanted
