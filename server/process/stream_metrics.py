"""Metrics of subscriptions: subscribers, queue lengths, reasons of closing, and lag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from server.transports.connection_registry import ConnectionRegistry
from server.transports.subscription_feeds import SubscriptionFeeds
from subscriptions.delivery.fanout import Answer, Fanout
from subscriptions.log.relay import Relay

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Lag:
    """Seconds from the transaction of an event to the last member of a group that received it.

    Events that a subscriber replays from the past do not count.
    """

    def __init__(
        self, registry: CollectorRegistry, relay: Relay, clock: Callable[[], datetime]
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._seconds = Histogram(
            "restow_stream_lag_seconds",
            "Delay from the transaction of an event until it is offered to all members of a group",
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, answer: Answer) -> None:
        """Count a message that was offered to a group."""
        event = None if answer.position is None else self._relay.recent(answer.position)
        if event is not None:
            seconds = (self._clock() - event.occurred_at).total_seconds()
            self._seconds.observe(max(0.0, seconds))


class StreamNumbers:
    """Collects the numbers of the streaming parts when Prometheus requests them."""

    def __init__(
        self, relay: Relay, fanout: Fanout, feeds: SubscriptionFeeds, sockets: ConnectionRegistry
    ) -> None:
        self._relay = relay
        self._fanout = fanout
        self._feeds = feeds
        self._sockets = sockets

    def collect(self) -> Iterator[Metric]:
        """The present numbers."""
        gauges = {
            "subscribers": ("Active subscriptions", self._feeds.serving),
            "executions": ("Executions shared by equal subscriptions", self._fanout.groups),
            "listeners": ("Listeners of the log in this process", self._relay.listeners),
            "buffered": ("Unsent messages of all clients", self._fanout.backlog),
            "sockets": ("Open WebSockets and event streams", len(self._sockets)),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"restow_stream_{name}", text, value=value)
        yield CounterMetricFamily(
            "restow_stream_folds",
            "Unsent messages replaced by later ones",
            value=self._fanout.folds,
        )
        yield _by_reason("ends", "Ended subscriptions", self._feeds.ends)
        yield _by_reason("closes", "Ended WebSockets and event streams", self._sockets.closes)


def _by_reason(name: str, text: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"restow_stream_{name}", text, labels=["reason"])
    for reason, count in sorted(counts.items()):
        family.add_metric([reason], count)
    return family
