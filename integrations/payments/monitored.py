"""Payment gateway whose calls a monitor admits and records."""

from __future__ import annotations

from integrations.monitoring import CallMonitor, monitored, recorded
from integrations.payments.gateway import GatewayAnswer, PaymentGateway


class MonitoredGateway:
    """A gateway that does not monitor its calls by itself, such as the simulator."""

    def __init__(self, gateway: PaymentGateway, monitor: CallMonitor) -> None:
        self.gateway = gateway
        self._monitor = monitor

    async def refund(
        self,
        key: str,
        reference: str,
        payment_reference: str,
        amount_minor: int,
        currency: str,
    ) -> GatewayAnswer:
        return await monitored(
            self._monitor,
            lambda: self.gateway.refund(key, reference, payment_reference, amount_minor, currency),
        )

    async def look_up(self, key: str) -> GatewayAnswer | None:
        return await monitored(self._monitor, lambda: self.gateway.look_up(key))

    async def probe(self) -> None:
        await recorded(self._monitor, self.gateway.probe)

    async def close(self) -> None:
        await self.gateway.close()
