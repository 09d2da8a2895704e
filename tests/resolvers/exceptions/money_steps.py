"""Steps by which exceptions about returns, refunds and the books begin and end."""

from __future__ import annotations

from typing import Any

import workflows.returns.expiry as return_expiry
from domain.exceptions import ExceptionKind as Kind
from domain.integrations.validation import PAYMENTS_CODE
from domain.policies.policies import PolicyKind
from integrations.errors import IntegrationTimeout
from integrations.payments.monitored import MonitoredGateway
from models.queries.proofs.invariants import PROOFS
from tests.builders.inspected_returns import refund_rules
from tests.builders.refunds import FAILED, FRED, SUCCEEDED
from tests.builders.transactions import rows
from tests.builders.warehouse import SUE
from tests.resolvers.exceptions.floor_steps import level_of, supply
from tests.resolvers.exceptions.kind_desk import KindDesk
from tests.workflows.carriers.label_desk import ScriptedCarrier
from tests.workflows.integrations.call_desk import integration_row, open_integrations, watching
from workflows.exceptions.ledger_drift import LedgerDrift
from workflows.exceptions.return_spikes import ReturnSpikes
from workflows.refunds.payouts import Payouts

SILENT = IntegrationTimeout("silent")
PROOF = "stock = movements in − out"


# ─── returns


async def ask_back(desk: KindDesk, units: int = 2) -> None:
    order = await desk.shipped(units)
    desk.facts["return"] = await desk.done(desk.returns.request(order, (desk.sku, units)))
    desk.about("Return", desk.facts["return"].refs["return"])


async def wait_for_return(desk: KindDesk) -> None:
    await ask_back(desk)
    await desk.sweep(days=20)


async def receive(desk: KindDesk, units: int = 1, complete: bool = False) -> None:
    received = desk.returns.receive(desk.facts["return"], (desk.sku, units), complete=complete)
    await desk.done(received)


async def receive_wrong_item(desk: KindDesk) -> None:
    await ask_back(desk)
    await receive_other_item(desk)


async def receive_other_item(desk: KindDesk) -> None:
    await desk.done(desk.returns.receive(desk.facts["return"], ("COAT", 1)))


async def dispose_of_others(desk: KindDesk) -> None:
    a_return = desk.facts["return"]
    for group in await desk.returns.groups(a_return):
        if group["sku"] == "COAT":
            part = (group["id"], group["quantity"], "DEFECTIVE")
            await desk.done(desk.returns.inspect(a_return, part, by=SUE))
    for group in await desk.returns.groups(a_return):
        if group["state"] == "INSPECTED":
            await desk.done(desk.returns.dispose(group["id"], group["quantity"], "SCRAP", SUE))


async def wait_for_inspection(desk: KindDesk) -> None:
    await ask_back(desk)
    await receive(desk)
    await desk.sweep(days=2)


async def inspect(desk: KindDesk) -> None:
    for group in await desk.returns.groups(desk.facts["return"]):
        if group["state"] == "RECEIVED":
            part = (group["id"], group["quantity"], "NEW")
            await desk.done(desk.returns.inspect(desk.facts["return"], part))


async def wait_for_inspection_again(desk: KindDesk) -> None:
    await desk.at_once(Kind.INSPECTION_OVERDUE)
    await receive(desk)
    await desk.sweep()


async def find_parcel(desk: KindDesk) -> None:
    found = desk.returns.receive(None, (desk.sku, 1), tracking_number=f"X{desk.number}")
    desk.facts["found"] = await desk.done(found)
    desk.about("UnidentifiedParcel", "")


async def dispose(desk: KindDesk) -> None:
    found = desk.facts["found"]
    await desk.done(desk.returns.dispose_unidentified(found, 1, "SCRAP", SUE, desk.sku))


async def return_many(desk: KindDesk) -> None:
    await ask_back(desk, 6)
    desk.about("Item", await item_of(desk))
    await watch_returns(desk)


async def watch_returns(desk: KindDesk) -> None:
    await ReturnSpikes(desk.shop.transactions).step()


async def pass_a_week(desk: KindDesk) -> None:
    desk.shop.clock.forward(days=8)
    await watch_returns(desk)


async def return_many_again(desk: KindDesk) -> None:
    await supply(desk, 20)
    await ask_back(desk, 20)
    desk.about("Item", await item_of(desk))
    await watch_returns(desk)


# ─── refunds


async def refund(desk: KindDesk) -> None:
    order = await desk.shipped()
    made = await desk.done(desk.refunds.create(order, "1.00"))
    await desk.refunds.approve(made)
    desk.facts["refund"] = made
    desk.about("Refund", made.refs["refund"])


async def refuse_refund(desk: KindDesk) -> None:
    await refund(desk)
    desk.refunds.gateway.answers = [FAILED]
    await desk.refunds.pay()


async def retry(desk: KindDesk) -> None:
    desk.refunds.gateway.answers = [SUCCEEDED]
    await desk.done(desk.refunds.retry(desk.facts["refund"]))
    await desk.refunds.pay()


async def lose_track(desk: KindDesk) -> None:
    await refund(desk)
    gateway = desk.refunds.gateway
    gateway.answers, gateway.found = [SILENT], [SILENT]
    await desk.refunds.pay()
    gateway.found = [None]
    desk.shop.clock.forward(hours=24)
    await desk.refunds.pay()


async def ask_gateway(desk: KindDesk) -> None:
    desk.shop.clock.forward(hours=1)
    await desk.refunds.pay()


async def settle(desk: KindDesk) -> None:
    gateway = desk.refunds.gateway
    gateway.answers, gateway.found = [SUCCEEDED], [None]
    await desk.done(desk.refunds.settle(desk.facts["refund"], succeeded=True, by=FRED))


async def refund_too_early(desk: KindDesk) -> None:
    """The units of a refund that was paid at the authorization do not come."""
    await desk.shop.publish(PolicyKind.REFUND, refund_rules("AUTHORIZED"))
    await ask_back(desk)
    desk.refunds.gateway.answers = [SUCCEEDED]
    await desk.refunds.pay()
    desk.about("Refund", (await desk.refunds.refunds())[-1]["id"])
    await let_returns_expire(desk)


async def let_returns_expire(desk: KindDesk) -> None:
    desk.shop.clock.forward(days=28)
    await return_expiry.expire_returns(desk.shop.transactions)


async def silence_gateway(desk: KindDesk) -> None:
    """The gateway does not answer, whatever it is asked."""
    await refund(desk)
    await _monitor_gateway(desk)
    await stay_silent(desk)


async def _monitor_gateway(desk: KindDesk) -> None:
    transactions = desk.shop.transactions
    monitor = await open_integrations(desk.shop)
    gateway = MonitoredGateway(desk.refunds.gateway, monitor.monitor(PAYMENTS_CODE))
    desk.facts["payouts"] = Payouts(transactions, gateway, health=monitor)
    desk.facts["watch"] = watching(transactions, monitor, gateway, ScriptedCarrier())
    desk.about("Integration", (await integration_row(desk.whole.database))["id"])


async def stay_silent(desk: KindDesk) -> None:
    gateway = desk.refunds.gateway
    gateway.answers, gateway.found, gateway.probes = [SILENT], [SILENT], [SILENT]
    for _ in range(8):
        await desk.facts["payouts"].work()
        desk.shop.clock.forward(minutes=5)


async def fall_again(desk: KindDesk) -> None:
    """One probe succeeds; the calls after it fail again."""
    desk.refunds.gateway.probes = [None]
    await desk.facts["watch"].probe()
    await stay_silent(desk)
    for _ in range(3):
        await desk.facts["watch"].probe()
        desk.shop.clock.forward(minutes=5)


async def answer(desk: KindDesk) -> None:
    desk.refunds.gateway.found, desk.refunds.gateway.probes = [SUCCEEDED], [None]
    desk.shop.clock.forward(hours=2)
    for _ in range(12):
        desk.shop.clock.forward(seconds=1)
        await desk.facts["watch"].probe()
        await desk.facts["payouts"].work()


async def be_silent_again(desk: KindDesk) -> None:
    await refund(desk)
    await _monitor_gateway(desk)
    await stay_silent(desk)


# ─── the books


async def drift(desk: KindDesk, units: int = 1) -> None:
    """Units that no movement has brought."""
    sql = "UPDATE stock_level SET damaged = damaged + $1 WHERE id = $2"
    level = await level_of(desk)
    async with desk.whole.database.writer() as session:
        await session.execute(sql, units, level)
    desk.about("Proof", PROOF)
    await prove(desk)


async def prove(desk: KindDesk) -> None:
    [proof] = [each for each in PROOFS if each.name == PROOF]
    await LedgerDrift(desk.shop.transactions)._prove(proof)


async def item_of(desk: KindDesk) -> Any:
    """The id of the item."""
    sql = "SELECT id FROM item WHERE sku = $1"
    return (await rows(desk.whole.database, sql, desk.sku))[0]["id"]
