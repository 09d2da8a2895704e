"""Integrations of the settings in a test's database, with the monitor of their calls."""

from __future__ import annotations

from typing import Any, Final

from domain.integrations.figures import TryResult
from domain.integrations.validation import PAYMENTS_CODE, carrier_code
from integrations.carriers.carrier import Carrier
from integrations.errors import IntegrationUnavailable
from integrations.payments.gateway import PaymentGateway
from models.database.database import Database
from tests.builders.store import Shop
from tests.builders.transactions import rows
from workflows.integrations.configured import carrier, follow_settings, payment_gateway
from workflows.integrations.health import HealthMonitor
from workflows.integrations.watch import IntegrationWatch
from workflows.transactions.runner import Transactions

CARRIER_CODE: Final = carrier_code("simulator")
DEAD: Final = IntegrationUnavailable("the gateway answered 503")


async def open_integrations(shop: Shop) -> HealthMonitor:
    """Give the payment gateway and the carrier their rows, and monitor their calls.

    The clock is a second later: calls that began before the rows are not counted.
    """
    transactions = shop.transactions
    systems = [payment_gateway("simulator"), carrier("simulator", "simulator")]
    await follow_settings(transactions, {each.code: each for each in systems})
    shop.clock.forward(seconds=1)
    return HealthMonitor(transactions)


def watching(
    transactions: Transactions,
    monitor: HealthMonitor,
    gateway: PaymentGateway,
    client: Carrier,
) -> IntegrationWatch:
    """The job that watches the integrations of `open_integrations`."""
    return IntegrationWatch(transactions, monitor, gateway, {"simulator": client})


async def make_calls(
    monitor: HealthMonitor, result: TryResult, count: int, code: str = PAYMENTS_CODE
) -> None:
    """Record calls of a tenth of a second, and judge them."""
    error = str(DEAD) if result is TryResult.FAILED else None
    for _ in range(count):
        monitor.record(code, result, 0.1, error)
    await monitor.flush()


async def integration_row(database: Database, code: str = PAYMENTS_CODE) -> dict[str, Any]:
    """The row of an integration."""
    [row] = await rows(database, "SELECT * FROM integration WHERE code_key = $1", code)
    return row


async def status_of(database: Database, code: str = PAYMENTS_CODE) -> str:
    """The status of an integration."""
    return str((await integration_row(database, code))["status"])


async def status_events(database: Database) -> list[str]:
    """The types of the status events, in their order."""
    found = await rows(
        database,
        "SELECT type FROM event WHERE subject_type = 'Integration'"
        " AND type <> 'integration.upserted' ORDER BY id",
    )
    return [str(row["type"]) for row in found]
