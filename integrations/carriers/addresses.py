"""Addresses of carriers in the settings, and the clients for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from domain.errors import Invalid
from domain.values.codes import check_stored, comparison_key, stored_form
from integrations.addresses import HttpAddress, parse_http_address, simulator_options
from integrations.carriers.carrier import Carrier
from integrations.carriers.http import HttpCarrier
from integrations.carriers.monitored import MonitoredCarrier
from integrations.carriers.simulator import CarrierSimulator, DeliverReports
from integrations.http_client import HttpLimits
from integrations.monitoring import UNMONITORED, CallMonitor


@dataclass(frozen=True, slots=True)
class CarrierAddress:
    """A parsed address of a carrier; `http` None is the simulator."""

    http: HttpAddress | None = None
    chaos_seed: str | None = None


def _parse_address(text: str) -> CarrierAddress:
    head, _, query = text.strip().partition("?")
    if head == "simulator":
        return CarrierAddress(chaos_seed=simulator_options(query, ("chaos",)).get("chaos"))
    return CarrierAddress(parse_http_address(text, "carrier"))


def parse_carriers(text: str) -> Mapping[str, CarrierAddress]:
    """Parse `code=address,…`; the carriers by their codes, in the order given.

    An address is `simulator`, `simulator?chaos=SEED` or an http(s) address; plain http is allowed
    on loopback only. Raises ValueError, whose message never contains credentials.
    """
    found: dict[str, CarrierAddress] = {}
    for part in text.split(","):
        code, _, address = part.strip().partition("=")
        code = stored_form(code)
        try:
            check_stored(code)
        except Invalid:
            raise ValueError("each carrier must be written as code=address") from None
        if comparison_key(code) in map(comparison_key, found):
            raise ValueError(f"the carrier {code} is named twice")
        found[code] = _parse_address(address)
    return found


DEFAULT_CARRIERS: Final = parse_carriers("simulator=simulator")


def open_carriers(
    addresses: Mapping[str, CarrierAddress],
    currency: str,
    *,
    deliver: DeliverReports | None = None,
    limits: HttpLimits | None = None,
    monitor_of: Callable[[str], CallMonitor] = lambda _: UNMONITORED,
) -> dict[str, Carrier]:
    """The client of each carrier. Simulators charge in `currency`, and `deliver` gets their
    reports. `monitor_of`: the monitor of a carrier by its code.
    """
    return {
        code: _open_one(code, address, currency, deliver, limits, monitor_of(code))
        for code, address in addresses.items()
    }


def _open_one(
    code: str,
    address: CarrierAddress,
    currency: str,
    deliver: DeliverReports | None,
    limits: HttpLimits | None,
    monitor: CallMonitor,
) -> Carrier:
    http = address.http
    if http is not None:
        return HttpCarrier(http.url, auth=http.auth, limits=limits, monitor=monitor)
    seed = address.chaos_seed
    simulator = CarrierSimulator(code, currency, chaos_seed=seed, deliver=deliver)
    return MonitoredCarrier(simulator, monitor)
