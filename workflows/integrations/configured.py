"""Integrations of the settings: the payment gateway and the carriers have a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import workflows.exceptions.opening as exceptions
import workflows.integrations.records as records
from domain.access.callers import SYSTEM
from domain.events.integrations.systems import IntegrationUpserted
from domain.exceptions import ExceptionKind
from domain.integrations.states import IntegrationKind, IntegrationStatus
from domain.integrations.validation import PAYMENTS_CODE, carrier_code
from domain.values.codes import comparison_key
from models.integrations import Integration
from workflows.transactions.lock_order import LockClass
from workflows.transactions.runner import Transactions
from workflows.transactions.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ConfiguredSystem:
    """A payment gateway or carrier of the settings; `url` has no credentials."""

    code: str
    kind: IntegrationKind
    name: str
    url: str


def payment_gateway(url: str) -> ConfiguredSystem:
    """The payment gateway at an address without credentials."""
    return ConfiguredSystem(PAYMENTS_CODE, IntegrationKind.PAYMENTS, "Payment gateway", url)


def carrier(code: str, url: str) -> ConfiguredSystem:
    """A carrier at an address without credentials."""
    return ConfiguredSystem(carrier_code(code), IntegrationKind.CARRIER, f"Carrier {code}", url)


async def follow_settings(
    transactions: Transactions, systems: Mapping[str, ConfiguredSystem]
) -> None:
    """Give each system of the settings its row; those that have left the settings are OFF.

    `systems`: by code. Each process does it when it starts.
    """
    await transactions.run(lambda tx: _follow(tx, systems))


async def _follow(tx: Transaction, systems: Mapping[str, ConfiguredSystem]) -> None:
    tx.locking(LockClass.INTEGRATION)
    client = tx.session.client
    kinds = (IntegrationKind.PAYMENTS.value, IntegrationKind.CARRIER.value)
    locked = Integration.select_for_update(no_key=True, using_db=client).filter(kind__in=kinds)
    known = {each.code_key: each for each in await locked.order_by("id")}
    wanted = {comparison_key(code): system for code, system in systems.items()}
    for key, system in wanted.items():
        if key in known:
            await _update(tx, known[key], system)
        else:
            await _create(tx, system)
    for system in wanted.values():
        # Until version 50, the exception of a system was about its name.
        await exceptions.clear(tx, ExceptionKind.INTEGRATION_DOWN, ("Integration", system.code))
    for key, left in known.items():
        if key not in wanted and left.status != IntegrationStatus.OFF:
            reasons = ["It is not in the settings any more."]
            await records.set_status(tx, left, IntegrationStatus.OFF, reasons, SYSTEM.actor)


async def _create(tx: Transaction, system: ConfiguredSystem) -> None:
    await Integration.create(
        using_db=tx.session.client,
        id=tx.new_id(),
        code=system.code,
        kind=system.kind.value,
        name=system.name,
        url=system.url,
        status=IntegrationStatus.HEALTHY.value,
        status_since_at=tx.now,
        status_reasons=[],
        actor=SYSTEM.actor,
        created_by=SYSTEM.actor,
        created_at=tx.now,
        updated_at=tx.now,
    )


async def _update(tx: Transaction, row: Integration, system: ConfiguredSystem) -> None:
    if row.status == IntegrationStatus.OFF:
        await records.set_status(tx, row, IntegrationStatus.HEALTHY, [], SYSTEM.actor)
    if row.url != system.url:
        await records.change(tx, row, {"url": system.url})
        event = IntegrationUpserted(
            code=row.code, kind=system.kind, created=False, changed=("url",)
        )
        records.record(tx, row, event, SYSTEM.actor)
