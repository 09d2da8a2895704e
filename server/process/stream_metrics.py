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
            "From a fact's transaction to its being offered to all who subscribed alike",
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, answer: Answer) -> None:
        """Count an answer that was spread."""
        event = None if answer.position is None else self._relay.recent(answer.position)
        if event is not None:
            seconds = (self._clock() - event.occurred_at).total_seconds()
            self._seconds.observe(max(0.0, seconds))


class StreamNumbers:
    """Reads what the parts of the live side count, whenever Prometheus asks."""

    def __init__(
        self, relay: Relay, fanout: Fanout, feeds: SubscriptionFeeds, sockets: ConnectionRegistry
    ) -> None:
        self._relay = relay
        self._fanout = fanout
        self._feeds = feeds
        self._sockets = sockets

    def collect(self) -> Iterator[Metric]:
        """The numbers now."""
        gauges = {
            "subscribers": ("Subscriptions that are being served", self._feeds.serving),
            "executions": ("Executions shared by subscribers of the same", self._fanout.groups),
            "listeners": ("Readers of the log in this process", self._relay.listeners),
            "buffered": ("Answers that wait for clients to take them", self._fanout.backlog),
            "sockets": ("Open sockets and event streams", len(self._sockets)),
        }
        for name, (words, value) in gauges.items():
            yield GaugeMetricFamily(f"restow_stream_{name}", words, value=value)
        yield CounterMetricFamily(
            "restow_stream_folds",
            "Answers replaced by later ones before slow clients took them",
            value=self._fanout.folds,
        )
        yield _by_reason("ends", "Subscriptions that ended", self._feeds.ends)
        yield _by_reason("closes", "Sockets that ended", self._sockets.closes)


def _by_reason(name: str, words: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"restow_stream_{name}", words, labels=["reason"])
    for reason, count in sorted(counts.items()):
        family.add_metric([reason], count)
    return family
