"""All operations of the floor on one store: LEEDS with three bins, YORK with one."""

from __future__ import annotations

from dataclasses import dataclass

import workflows.catalog.items
import workflows.catalog.locations
from domain.catalog.commands import GivenCode
from domain.stock.states import LocationKind
from models.database.database import Database
from tests.builders.catalog import a_location, an_item, items
from tests.builders.floor.bins import WALK, Floor, open_floor
from tests.builders.floor.counts import Counting
from tests.builders.floor.transfers import Transfers
from tests.builders.returns import Desk
from tests.builders.store import Shop
from tests.builders.warehouse import Warehouse
from tests.workflows.carriers.label_desk import LabelDesk, ScriptedCarrier
from workflows.carriers.label_purchases import LabelPurchases

# One scan of BOX-3 is three TEE-M; TEE-S has a GTIN.
BOX, BOX_UNITS, GTIN = "BOX-3", 3, "4006381333931"
BINS = {"LEEDS": WALK, "YORK": ("Y-1",)}


@dataclass
class WholeFloor:
    """Operations of all areas of the floor on a test's store."""

    floor: Floor

    @property
    def database(self) -> Database:
        return self.floor.database

    @property
    def shop(self) -> Shop:
        return self.floor.shop

    def __post_init__(self) -> None:
        self.warehouse = Warehouse(self.shop)
        self.counting = Counting(self.floor)
        self.transfers = Transfers(self.warehouse)
        self.returns = Desk(self.shop)
        carrier = ScriptedCarrier()
        worker = LabelPurchases(self.shop.transactions, {"simulator": carrier})
        self.labels = LabelDesk(self.warehouse, carrier, worker)


async def open_whole_floor(database: Database) -> WholeFloor:
    """Create the store with bins and codes, without stock."""
    whole = WholeFloor(await open_floor(database))
    perform = whole.shop.transactions.perform
    place = a_location("Y-1", kind=LocationKind.BIN, parent_code="YORK")
    assert not (await perform(workflows.catalog.locations.upsert, place)).refusals
    goods = items(
        an_item("TEE-M", codes=(GivenCode(BOX, BOX_UNITS),)), an_item("TEE-S", barcode=GTIN)
    )
    assert not (await perform(workflows.catalog.items.upsert, goods)).refusals
    await whole.floor.go_round()
    return whole
