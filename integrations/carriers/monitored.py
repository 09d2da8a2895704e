"""Carrier whose calls a monitor admits and records."""

from __future__ import annotations

from integrations.carriers.carrier import Carrier, LabelOrder, Purchase, VoidAnswer
from integrations.monitoring import CallMonitor, monitored, recorded


class MonitoredCarrier:
    """A carrier that does not monitor its calls by itself, such as the simulator."""

    def __init__(self, carrier: Carrier, monitor: CallMonitor) -> None:
        self.carrier = carrier
        self._monitor = monitor

    async def buy(self, label: LabelOrder) -> Purchase:
        return await monitored(self._monitor, lambda: self.carrier.buy(label))

    async def look_up(self, key: str) -> Purchase | None:
        return await monitored(self._monitor, lambda: self.carrier.look_up(key))

    async def void(self, label_id: str) -> VoidAnswer:
        return await monitored(self._monitor, lambda: self.carrier.void(label_id))

    async def probe(self) -> None:
        await recorded(self._monitor, self.carrier.probe)

    async def close(self) -> None:
        await self.carrier.close()
