"""Terms of the delivery of webhooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.access.callers import Caller
from domain.webhooks.retries import RETRY_SECONDS
from models.queries.events.event_log import LoggedEvent


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """`concurrency`: calls in all; `endpoint_calls`: calls to one webhook. `retry_seconds`: delays.

    `lease`: how long a process that died keeps its webhooks. `call`: longest time of a call; it
    must be shorter than a lease. `tick`: seconds between two looks at settings and leases.
    `probe_seconds`: time between two calls to a webhook that is DOWN. `backoff_seconds`: wait after
    a failed call; it doubles with each failure in a row, up to `backoff_max`.
    """

    concurrency: int = 64
    endpoint_calls: int = 8
    retry_seconds: Sequence[float] = RETRY_SECONDS
    lease: timedelta = timedelta(seconds=30)
    call: timedelta = timedelta(seconds=16)
    tick: float = 1.0
    probe_seconds: float = 30.0
    backoff_seconds: float = 0.25
    backoff_max: float = 30.0


DEFAULT_TERMS = DeliveryTerms()


# The JSON text of an event, as a caller may read it.
Render = Callable[[LoggedEvent, Caller], str]
