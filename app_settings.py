"""Values of the settings as the parts of the program take them."""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from domain.access.callers import Role
from domain.integrations.addresses import SIMULATOR
from domain.terms import Terms
from integrations.payments.addresses import parse_gateway
from models.database.database import DatabaseLimits
from models.migrations.runner import sqlite_path
from server.operations.limits import RequestLimits
from server.operations.persisted_documents import PersistedDocuments, read_documents
from server.process.proxies import trusted_proxies
from server.transports.edge import EdgeLimits, NetworkEdge
from settings import Settings
from workflows.integrations.configured import ConfiguredSystem, carrier, payment_gateway
from workflows.webhooks.terms import DeliveryTerms

SECRETS_FILE = "secrets.key"
SECRETS_BYTES = 32


def terms_of(settings: Settings) -> Terms:
    """The settings that rules depend on."""
    return Terms(
        base_currency=settings.base_currency,
        holds=settings.holds,
        parcel_grams_max=settings.parcel_grams_max,
        carriers=tuple(settings.carriers),
        label_documents_kept=timedelta(days=settings.label_document_days),
        probe_every=timedelta(seconds=settings.probe_seconds),
        secrets_key=secrets_key_of(settings),
    )


def secrets_key_of(settings: Settings) -> bytes | None:
    """The key that secrets of integrations are derived from; None: there are no secrets.

    With SQLite and without RESTOW_SECRETS_KEY it is made once, in a file beside the database that
    only its owner may read.
    """
    if settings.secrets_key is not None:
        return settings.secrets_key.encode()
    if not settings.database_url.startswith("sqlite:"):
        return None
    path = sqlite_path(settings.database_url).parent / SECRETS_FILE
    if not path.exists():
        _make_secrets_file(path)
    return path.read_bytes()


def _make_secrets_file(path: Path) -> None:
    """Write a new key as a whole, unless another process has just written one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as made:
        made.write(secrets.token_urlsafe(SECRETS_BYTES).encode())
        made.flush()
        os.fsync(file)
    with suppress(FileExistsError):
        os.link(unfinished, path)
    unfinished.unlink()


def configured_systems(settings: Settings) -> dict[str, ConfiguredSystem]:
    """The payment gateway and the carriers of the settings, by the codes of their integrations."""
    gateway = parse_gateway(settings.payment_gateway)
    systems = [payment_gateway(gateway.url or SIMULATOR)]
    for code, address in settings.carriers.items():
        systems.append(carrier(code, SIMULATOR if address.http is None else address.http.url))
    return {system.code: system for system in systems}


def delivery_terms(settings: Settings) -> DeliveryTerms:
    """The operator's terms of the delivery of webhooks."""
    return DeliveryTerms(
        concurrency=settings.outbound_concurrency,
        retry_seconds=settings.retry_seconds,
        probe_seconds=settings.probe_seconds,
    )


def database_limits(settings: Settings) -> DatabaseLimits:
    """The operator's limits of connections and statements."""
    return DatabaseLimits(
        pool=settings.database_pool_max,
        acquire=settings.database_acquire_seconds,
        statement=settings.database_statement_seconds,
        lock=settings.database_lock_seconds,
        idle_in_transaction=settings.database_idle_seconds,
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
