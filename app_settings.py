"""Values of the settings as the parts of the program take them."""

from datetime import timedelta

from domain.access.callers import Role
from domain.terms import Terms
from server.operations.limits import RequestLimits
from server.operations.persisted_documents import PersistedDocuments, read_documents
from server.process.proxies import trusted_proxies
from server.transports.edge import EdgeLimits, NetworkEdge
from settings import Settings


def terms_of(settings: Settings) -> Terms:
    """The settings that rules depend on."""
    return Terms(
        base_currency=settings.base_currency,
        holds=settings.holds,
        parcel_grams_max=settings.parcel_grams_max,
        carriers=tuple(settings.carriers),
        label_documents_kept=timedelta(days=settings.label_document_days),
    )


def network_edge(settings: Settings) -> NetworkEdge:
    """The counts of connections and bodies of a process, with the operator's limits."""
    limits = EdgeLimits(
        address_connections=settings.connections_address_max,
        process_connections=settings.connections_max,
        address_bytes=settings.body_address_bytes_max,
        process_bytes=settings.body_process_bytes_max,
        body_seconds=settings.body_seconds_max,
    )
    return NetworkEdge(limits, trusted_proxies())


def persisted_documents(settings: Settings) -> PersistedDocuments:
    """The documents that the operator has put into a directory, if any."""
    if settings.persisted_documents is None:
        return PersistedDocuments()
    texts = read_documents(settings.persisted_documents).values()
    return PersistedDocuments(texts, {Role.STOREFRONT})


def request_limits(settings: Settings) -> RequestLimits:
    """The operator's limits of one operation."""
    return RequestLimits(
        body_bytes=settings.body_bytes_max,
        cost=settings.operation_cost_max,
        seconds=settings.operation_seconds_max,
        answer_bytes=settings.answer_bytes_max,
    )
