"""Metrics of this process, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from server.transports.http import Observation

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NONE = "none"


class Metrics:
    """Counters and histograms of HTTP requests, in their own registry."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "restow_graphql_requests",
            "GraphQL requests over HTTP",
            ["operation", "status"],
            registry=self.registry,
        )
        self._errors = Counter(
            "restow_graphql_errors",
            "Top-level errors by code",
            ["code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "restow_graphql_seconds",
            "Duration from the first byte of a request to the last byte of its response",
            ["operation"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        # Counters by kind and status, which saves making their labels for each request.
        self._answered: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, observation: Observation) -> None:
        """Count a completed request."""
        operation = observation.operation
        kind = NONE if operation is None else operation.type.value
        answered = self._answered.get((kind, observation.status))
        if answered is None:
            requests = self._requests.labels(kind, str(observation.status))
            answered = requests, self._seconds.labels(kind)
            self._answered[kind, observation.status] = answered
        requests, seconds = answered
        requests.inc()
        seconds.observe(observation.seconds)
        for code in observation.codes:
            self._errors.labels(code).inc()

    def gauge(self, name: str, documentation: str) -> Gauge:
        """An additional gauge, to be set or read by a function."""
        return Gauge(name, documentation, registry=self.registry)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
