"""Random work on the whole floor loses no unit and no cost, and leaves every step its task.

After each step the bins are within their shelf, no column is negative, the picked and held units
are those of the parcels, and the books balance. A refused operation has changed no row. At the end
`reconcile` finds nothing. RESTOW_LONG=1 runs 150 sequences of 60 steps on each engine.
"""

from __future__ import annotations

import asyncio
import os

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tests.databases import Databases
from tests.workflows.floor.order_rules import OrderRules
from tests.workflows.floor.stock_rules import StockRules
from tests.workflows.floor.transfer_rules import TransferRules

IS_LONG = os.environ.get("RESTOW_LONG") == "1"
SEQUENCES = {"sqlite": 5, "postgres": 2}


class WholeDay(StockRules, OrderRules, TransferRules):
    """All operations of the floor, in any order."""


def test_random_work_keeps_the_floor_consistent(fresh_database: Databases, engine: str) -> None:
    with asyncio.Runner() as runner:
        day = type("WholeDay", (WholeDay,), {"fresh": fresh_database, "runner": runner})
        run_machine(
            day,
            settings=settings(
                max_examples=150 if IS_LONG else SEQUENCES[engine],
                stateful_step_count=60 if IS_LONG else 35,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
