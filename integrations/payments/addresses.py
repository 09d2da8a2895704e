"""Address of the payment gateway in the settings, and the client for it."""

from dataclasses import dataclass, field

from integrations.addresses import parse_http_address, simulator_options
from integrations.http_client import HttpLimits
from integrations.monitoring import UNMONITORED, CallMonitor
from integrations.payments.gateway import PaymentGateway
from integrations.payments.http import HttpGateway
from integrations.payments.monitored import MonitoredGateway
from integrations.payments.simulator import Deliver, PaymentSimulator
from integrations.payments.simulator_faults import WELL_BEHAVED, chaos
from integrations.payments.simulator_journal import PaymentJournal


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """A parsed gateway address; `url` None is the simulator. Credentials are never printed."""

    url: str | None = None
    auth: tuple[str, str] | None = field(default=None, repr=False)
    chaos_seed: str | None = None
    journal: str | None = None


def parse_gateway(text: str) -> GatewayAddress:
    """Parse `simulator`, `simulator?chaos=SEED&journal=FILE`, or an http(s) address.

    Plain http is allowed on loopback only. Anything else raises ValueError; its message never
    contains credentials.
    """
    head, _, query = text.strip().partition("?")
    if head == "simulator":
        options = simulator_options(query, ("chaos", "journal"))
        return GatewayAddress(chaos_seed=options.get("chaos"), journal=options.get("journal"))
    address = parse_http_address(text, "payment gateway")
    return GatewayAddress(address.url, address.auth)


def open_gateway(
    address: GatewayAddress,
    *,
    deliver: Deliver | None = None,
    limits: HttpLimits | None = None,
    monitor: CallMonitor = UNMONITORED,
) -> PaymentGateway:
    """The client of the gateway at this address. `deliver` receives the simulator's webhooks."""
    if address.url is not None:
        return HttpGateway(address.url, auth=address.auth, limits=limits, monitor=monitor)
    seed = address.chaos_seed
    simulator = PaymentSimulator(
        behavior=WELL_BEHAVED if seed is None else chaos(seed),
        journal=PaymentJournal(address.journal),
        deliver=deliver,
    )
    return MonitoredGateway(simulator, monitor)
