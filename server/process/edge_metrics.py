"""Metrics of the edge: connections, bytes of bodies, and refusals before a request is read."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from server.transports.edge import NetworkEdge


class EdgeNumbers:
    """Collects the numbers of the edge when Prometheus requests them."""

    def __init__(self, edge: NetworkEdge) -> None:
        self._edge = edge

    def collect(self) -> Iterator[Metric]:
        """The present numbers."""
        edge = self._edge
        yield GaugeMetricFamily(
            "restow_connections", "Open connections", value=edge.connections.total()
        )
        yield GaugeMetricFamily(
            "restow_body_bytes", "Bytes of bodies in progress", value=edge.buffered.total()
        )
        refused = CounterMetricFamily(
            "restow_edge_refusals",
            "Connections and requests that were refused before execution",
            labels=["reason"],
        )
        for reason, count in sorted(edge.refused.items()):
            refused.add_metric([reason], count)
        yield refused
