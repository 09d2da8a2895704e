"""The store of a test with bins: a zone with bins in LEEDS, and put-aways."""

from __future__ import annotations

from dataclasses import dataclass

import workflows.catalog.locations
import workflows.stock.putaway_tasks as putaway_tasks
import workflows.stock.putaways
from domain.access.callers import Caller, Role, holder
from domain.stock.states import LocationKind
from models.database.database import Database
from tests.builders.catalog import a_location
from tests.builders.store import ADMIN, Shop, open_shop, pounds
from tests.builders.transactions import rows
from workflows.stock.goods_receipts import ReceiptLine, ReceiveStock, receive
from workflows.stock.putaways import PutAway, PutAwayLine
from workflows.transactions.outcomes import Outcome, Request

PORTER = holder(Role.WAREHOUSE, actor="pia")
# In the order of the walk: A-10 has no place of its own, so the codes decide.
WALK = ("B-1", "A-2", "A-10")


@dataclass
class Floor:
    """Operations on bins of a test's store."""

    shop: Shop

    @property
    def database(self) -> Database:
        return self.shop.database

    async def bin(self, code: str, parent: str = "A", **facts: object) -> Outcome:
        given = {"kind": LocationKind.BIN, "parent_code": parent, **facts}
        return await self.shop.transactions.perform(
            workflows.catalog.locations.upsert, a_location(code, **given)
        )

    async def put_away(
        self,
        *lines: tuple[str, int, str] | tuple[str, int, str, str],
        by: Caller = PORTER,
        at: str = "LEEDS",
    ) -> Outcome:
        """Put (SKU, units, bin, bin that they come from) away."""
        command = PutAway(at, tuple(PutAwayLine(*line) for line in lines))
        return await self.shop.transactions.perform(
            workflows.stock.putaways.put_away, Request(command, by)
        )

    async def receive_into(
        self, units: int, into: str, sku: str = "TEE-M", at: str = "LEEDS"
    ) -> Outcome:
        line = ReceiptLine(sku, units, pounds("4.00"), into)
        command = ReceiveStock(at, "PO-2", (line,))
        return await self.shop.transactions.perform(receive, Request(command, ADMIN))

    async def bins(self, sku: str = "TEE-M", at: str = "LEEDS") -> dict[str, int]:
        """Units by bin, and those without one under an empty code."""
        sql = (
            "SELECT l.code, b.quantity FROM bin_stock b JOIN location l ON l.id = b.bin_id"
            " JOIN stock_level s ON s.id = b.level_id JOIN item i ON i.id = s.item_id"
            " JOIN location p ON p.id = s.location_id WHERE i.sku = $1 AND p.code = $2"
        )
        found = {row["code"]: row["quantity"] for row in await rows(self.database, sql, sku, at)}
        level = await rows(
            self.database,
            "SELECT s.* FROM stock_level s JOIN item i ON i.id = s.item_id"
            " JOIN location p ON p.id = s.location_id WHERE i.sku = $1 AND p.code = $2",
            sku,
            at,
        )
        for row in level:
            shelf = row["available"] + row["held"] + row["allocated"] - row["picked"]
            assert row["binned"] == sum(found.values())
            if shelf > row["binned"]:
                found[""] = shelf - row["binned"]
        return found

    async def tasks(self) -> list[tuple[str, str, str | None]]:
        """(SKU, status, worker) of all PUTAWAY tasks, in the order of their creation."""
        sql = (
            "SELECT i.sku, t.status, t.claimed_by FROM task t JOIN stock_level s"
            " ON CAST(s.id AS text) = t.subject_key JOIN item i ON i.id = s.item_id"
            " WHERE t.queue = 'PUTAWAY' ORDER BY t.created_at, i.sku, t.status"
        )
        return [
            (row["sku"], row["status"], row["claimed_by"]) for row in await rows(self.database, sql)
        ]

    async def go_round(self) -> None:
        """Let the job finish all rounds."""
        while await self.shop.transactions.run(putaway_tasks.go_round):
            pass


async def open_floor(database: Database) -> Floor:
    """A store whose LEEDS has zone A with the bins of WALK."""
    return await furnish_floor(await open_shop(database))


async def furnish_floor(shop: Shop) -> Floor:
    """Create zone A in LEEDS with the bins of WALK."""
    floor = Floor(shop)
    zone = a_location("A", kind=LocationKind.ZONE, parent_code="LEEDS")
    await floor.shop.transactions.perform(workflows.catalog.locations.upsert, zone)
    for code in WALK:
        made = await floor.bin(code, walk_order=1 if code == "B-1" else None)
        assert not made.refusals
    await floor.go_round()
    return floor
