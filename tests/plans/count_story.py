"""Counts of the sales story: again, with approval, cancelled, of promised and of waiting units."""

from __future__ import annotations

from domain.values.codes import comparison_key
from tests.builders.floor.bins import Floor
from tests.builders.floor.counts import ANN, BEN, SUE, Counting
from tests.builders.floor.transfers import Transfers
from tests.builders.store import Shop
from tests.builders.transactions import rows
from workflows.transactions.outcomes import Outcome

SKU = "TEE-L"


async def tell(shop: Shop, reference: str) -> None:
    """Count a level until it is empty, although a hold and an order have units of it."""
    counting = Counting(Floor(shop))
    _done(await shop.receive(20, SKU))
    _done(await shop.hold((SKU, 1, "LEEDS")))
    _done(await shop.place((SKU, 1), reference=reference))
    # The level may have a live line already: a transfer brought units that it should not have.
    _done(await counting.create(skus=(SKU,)))
    _done(await counting.claim())
    sql = "SELECT id FROM task WHERE queue = 'COUNT' AND status = 'CLAIMED'"
    for task in await rows(shop.database, sql):
        _done(await counting.renew(task["id"]))
    for by in (ANN, BEN, ANN):
        await counting.record((SKU, 0), by=by)
    sql = (
        "SELECT l.id FROM stock_count_line l WHERE l.level_id = ("
        "SELECT s.id FROM stock_level s JOIN item i ON i.id = s.item_id"
        " JOIN location p ON p.id = s.location_id WHERE i.sku_key = $1 AND p.code = 'LEEDS')"
        " AND l.status IN ('OPEN', 'RECOUNT', 'NEEDS_APPROVAL')"
    )
    [line] = await rows(shop.database, sql, comparison_key(SKU))
    await counting.recount(line["id"])
    for by in (ANN, BEN, ANN):
        await counting.record((SKU, 0), by=by)
    await counting.approve(line["id"], by=SUE)
    await counting.post_rest()
    await counting.cancel(_done(await counting.create(skus=("COAT",))))
    await _leave_units(shop, counting)


async def _leave_units(shop: Shop, counting: Counting) -> None:
    """Leave units that a count does not find to a transfer, and cancel it."""
    _done(await shop.receive(3, "TEE-S", "SHED"))
    transfers = Transfers(counting.warehouse)
    waiting = _done(await transfers.create(("TEE-S", 3), origin="SHED"))
    for by in (ANN, BEN):
        _done(await counting.record(("TEE-S", 0), at="SHED", by=by))
    shop.clock.forward(seconds=1)
    _done(await transfers.cancel(waiting))


def _done(outcome: Outcome) -> Outcome:
    assert not outcome.refusals, outcome.refusals
    return outcome
