"""Composes the program: settings → database → transactions → streams → server → routes → jobs.

`make serve` migrates the database and starts `uvicorn --factory app:create_app`. Only tests import
this module.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import getrandbits
from uuid import UUID

import structlog
from graphql import OperationType
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

import server.process.garbage_collection as garbage_collection
import settings as configuration
from app_settings import (
    configured_systems,
    database_limits,
    delivery_terms,
    network_edge,
    persisted_documents,
    request_limits,
    terms_of,
)
from domain.access.callers import Caller
from domain.errors import Unauthenticated
from domain.integrations.validation import PAYMENTS_CODE, carrier_code
from integrations.carriers.addresses import open_carriers
from integrations.carriers.secrets import CarrierSecrets
from integrations.outbound.client import OutboundClient
from integrations.outbound.networks import AllowedNetworks
from integrations.payments.addresses import open_gateway, parse_gateway
from integrations.signed_webhooks import WebhookSecrets
from models.database.database import Database
from models.database.sessions import DatabaseError
from models.migrations.runner import MigrationError, missing
from resolvers.root import SHARED_STREAMS, SNAPSHOT_STREAMS, schema
from routes.journal_export import journal_export
from routes.webhooks import carrier_webhooks, payment_webhooks
from schema.context import Context, Services
from schema.errors import top_level
from schema.types.integrations.messages import event_body
from server.operations.engine import Engine, Operation
from server.operations.errors import RequestRefused
from server.process.allocator import return_large_blocks
from server.process.background_tasks import BackgroundTasks
from server.process.callers import Callers
from server.process.cost_buckets import CostBuckets
from server.process.edge_metrics import EdgeNumbers
from server.process.logs import configure
from server.process.metrics import Metrics
from server.process.probes import probe_routes
from server.process.rate_limits import RateLimits
from server.process.request_ids import RequestIds
from server.process.shared_costs import SharedCosts
from server.process.stream_metrics import Lag, StreamNumbers
from server.process.wrong_keys import WrongKeys
from server.transports.connection_registry import ConnectionRegistry
from server.transports.direct_routes import DirectRoutes
from server.transports.edge import STATE_KEY, NetworkEdge
from server.transports.graphiql import (
    GraphiQLPage,
    graphiql_entrance,
    graphiql_files,
    schema_document,
)
from server.transports.http import GraphQLEndpoint
from server.transports.origins import CheckedOrigins, with_cors
from server.transports.server_sent_events import EventStreams
from server.transports.subscription_feeds import SubscriptionFeeds
from server.transports.websocket import SocketLimits, WebSocketEndpoint
from settings import Settings
from subscriptions.delivery.fanout import Fanout
from subscriptions.log.relay import Audience
from subscriptions.runtime import StreamingRuntime
from subscriptions.streams.availability import AvailabilityReads
from workflows.access.api_keys import ensure_bootstrap_key
from workflows.access.authentication import KeyCache, live_keys
from workflows.availability.cache import AvailabilityCache
from workflows.carriers.label_purchases import LabelPurchases
from workflows.carriers.reports import receive_reports
from workflows.integrations.configured import follow_settings
from workflows.integrations.health import HealthMonitor
from workflows.integrations.watch import IntegrationWatch
from workflows.jobs import JOBS, JobContext
from workflows.reactions import REACTIONS
from workflows.refunds.gateway_events import receive_payment_event
from workflows.refunds.payout_attempts import PayoutTerms
from workflows.refunds.payouts import Payouts
from workflows.scheduler import Scheduler
from workflows.transactions.clock import Clock, machine_time
from workflows.transactions.ids import Ids
from workflows.transactions.item_costs import check_base_currency
from workflows.transactions.runner import Transactions
from workflows.webhooks.deliveries import Deliveries

logger = structlog.get_logger(__name__)

SDL = Path(__file__).parent / "schema" / "schema.graphql"
PROBE_SECONDS = 3.0
# In total with the time for running requests (scripts/serve.py), less than the ten seconds of a
# stop.
STOP_SECONDS = 3.5


class NotMigrated(RuntimeError):
    """The database lacks migrations that this program needs."""

    def __init__(self, versions: list[str]) -> None:
        names = ", ".join(versions)
        super().__init__(f"the database is not migrated: it lacks {names}; run `make serve`")


def translate(error: Exception) -> RequestRefused | None:
    """A refusal with its HTTP headers; None for an error that is a defect of this program."""
    found = top_level(error)
    if found is None:
        return None
    headers = {"WWW-Authenticate": "Bearer"} if found.code == Unauthenticated.code else {}
    return RequestRefused(
        found.code, found.status, found.message, headers=headers, details=found.details
    )


class Restow:
    """One process of the program: all its parts, started and stopped together."""

    def __init__(
        self, settings: Settings, read_clock: Callable[[], datetime] = machine_time
    ) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, database_limits(settings))
        self.clock = Clock(read_clock)
        terms = terms_of(settings)
        ids = Ids()
        # Numbering events must not wake the sequencer again, so it has separate transactions.
        self.quiet_transactions = Transactions(
            self.database, clock=self.clock, new_id=ids, reactions=REACTIONS, terms=terms
        )
        self.live = StreamingRuntime(
            self.database,
            self.quiet_transactions,
            broadcast_url=settings.broadcast_url,
            promises=AvailabilityReads(self.database, self.clock),
        )
        self.transactions = Transactions(
            self.database,
            clock=self.clock,
            new_id=ids,
            reactions=REACTIONS,
            terms=terms,
            committed=self.live.committed,
            before_commit=self.live.sequencer.numbers_within,
        )
        self.outbound = OutboundClient(
            AllowedNetworks(settings.outbound_allow), settings.outbound_concurrency
        )
        self.services = Services(
            self.database,
            self.transactions,
            self.clock,
            self.live.streams,
            self.live.snapshots,
            AvailabilityCache(self.database, self.clock),
            self.live.queues,
            self.live.objects,
            self.outbound,
        )
        self.keys = KeyCache(self.quiet_transactions)
        self.rates = RateLimits(settings.rate_limits)
        self.costs = CostBuckets(settings.cost_limits)
        self.wrong_keys = WrongKeys(settings.rate_limits)
        self.callers = Callers(self.keys, self.wrong_keys, settings.anonymous_channels, self.clock)
        self.metrics = Metrics()
        self.edge = network_edge(settings)
        self.metrics.registry.register(EdgeNumbers(self.edge))
        self.engine = Engine(
            schema.graphql_schema,
            limits=request_limits(settings),
            introspection=settings.demo,
            translate=translate,
            persisted=persisted_documents(settings),
            introspecting=settings.introspection_roles,
        )
        self._connect_outside(settings)
        self._make_streams()
        self.asgi = self._asgi()
        self._tasks = BackgroundTasks()

    def _connect_outside(self, settings: Settings) -> None:
        """Make the clients of the payment gateway and the carriers, and their workers."""
        self.health = HealthMonitor(self.transactions)
        terms = PayoutTerms(timedelta(hours=settings.payment_key_hours))
        self.receive_payment = partial(receive_payment_event, self.transactions, terms=terms)
        address = parse_gateway(settings.payment_gateway)
        self.gateway = open_gateway(
            address, deliver=self.receive_payment, monitor=self.health.monitor(PAYMENTS_CODE)
        )
        self.payouts = Payouts(self.transactions, self.gateway, terms, self.health)
        self.receive_reports = partial(receive_reports, self.transactions)
        carriers = open_carriers(
            settings.carriers,
            settings.base_currency,
            deliver=self.receive_reports,
            monitor_of=lambda code: self.health.monitor(carrier_code(code)),
        )
        quiet, delivery = self.quiet_transactions, delivery_terms(settings)
        self.webhooks = Deliveries(quiet, self.outbound, event_body, self.health, delivery)
        self.live.follow(self.webhooks.wake)
        self.labels = LabelPurchases(self.transactions, carriers, self.health)
        self.watch = IntegrationWatch(self.transactions, self.health, self.gateway, carriers)

    def _make_streams(self) -> None:
        """Make the fan-out, the subscription feeds and the connection registry."""
        lag = Lag(self.metrics.registry, self.live.relay, self.clock)
        self.fanout = Fanout(lambda: self.live.relay.position, lag.observe)
        self.feeds = SubscriptionFeeds(
            self.engine,
            self.context_of,
            self.fanout,
            SHARED_STREAMS,
            SNAPSHOT_STREAMS,
            self.costs.charge,
        )
        self.sockets = ConnectionRegistry(
            process_max=self.settings.sockets_max,
            address_max=self.settings.sockets_address_max,
            key_max=self.settings.sockets_key_max,
        )
        self.metrics.registry.register(
            StreamNumbers(self.live.relay, self.fanout, self.feeds, self.sockets)
        )

    async def admit(self, authorization: str | None, address: str | None) -> Caller:
        """The caller of a request, who pays a token. Raises Unauthenticated, RequestRefused."""
        caller = await self.callers.find(authorization, address)
        self.rates.charge(caller)
        return caller

    def context_of(
        self, caller: Caller, operation: Operation, audience: Audience | None = None
    ) -> Context:
        """The context of one operation, whose cost is taken. Raises RequestRefused."""
        charge = None
        if operation.type is not OperationType.SUBSCRIPTION:
            charge = self.costs.charge(caller, operation.cost)
        keys = operation.idempotency_keys
        return Context(
            caller, self.services, keys, operation.request_id, audience, charge, operation.has_left
        )

    async def _live_keys(self, key_ids: Collection[UUID]) -> Collection[UUID]:
        return await live_keys(self.database, key_ids, self.clock())

    def _asgi(self) -> ASGIApp:
        endpoint = GraphQLEndpoint(
            self.engine,
            self.context_of,
            new_request_id=_new_request_id,
            admit=self.admit,
            charge=self.rates.charge,
            edge=self.edge,
            page=GraphiQLPage(key=self.settings.demo_key) if self.settings.demo else None,
            observe=self.metrics.observe,
            streams=EventStreams(self.engine, self.feeds, self.sockets),
        )
        websocket = WebSocketEndpoint(
            self.engine,
            self.feeds,
            authenticate=self.callers.find,
            charge=self.rates.charge,
            sockets=self.sockets,
            new_request_id=_new_request_id,
            limits=SocketLimits(
                operations=self.settings.socket_operations_max,
                messages_per_second=self.settings.socket_messages_per_second,
            ),
        )
        secrets = WebhookSecrets(self.settings.webhook_secrets)
        of_carriers = CarrierSecrets(secrets, self.settings.carrier_webhook_secrets)
        origins = self.settings.cors_origins
        over_http, over_websocket = with_cors(endpoint, origins), CheckedOrigins(websocket, origins)
        routes: list[BaseRoute] = [
            Route("/graphql", over_http),
            *probe_routes(
                {"database": self._database_problem},
                {"broadcast": self._broadcast_problem, "disk": self._disk_problem},
                self.metrics,
                self.callers,
            ),
            payment_webhooks(secrets, self.edge, self.receive_payment),
            carrier_webhooks(of_carriers, self.edge, self.receive_reports),
            journal_export(self.services, self.callers),
        ]
        if self.settings.demo or self.settings.introspection_roles:
            schema.describe()  # introspection shows the descriptions
        if self.settings.demo:
            routes += [graphiql_files(), graphiql_entrance(), schema_document(SDL)]
        pages = Starlette(routes=routes, lifespan=self._lifespan)
        direct_routes = DirectRoutes(
            pages, {("http", "/graphql"): over_http, ("websocket", "/graphql"): over_websocket}
        )
        return RequestIds(direct_routes, _new_request_id)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[dict[str, NetworkEdge]]:
        await self.start()
        garbage_collection.settle()
        return_large_blocks()
        try:
            yield {STATE_KEY: self.edge}  # the server's protocols find it in this state
        finally:
            await self.stop()

    async def start(self) -> None:
        """Connect and start the background work. Raises NotMigrated, DatabaseUnavailable,
        CostsInAnotherCurrency.
        """
        if versions := await missing(self.settings.database_url):
            raise NotMigrated(versions)
        await self.database.open()
        await check_base_currency(self.database, self.settings.base_currency)
        await self.clock.measure(self.database)
        if self.settings.bootstrap_key is not None:
            await ensure_bootstrap_key(self.transactions, self.settings.bootstrap_key)
        await follow_settings(self.quiet_transactions, configured_systems(self.settings))
        await self.live.start()
        context = JobContext(self.transactions, self.payouts, self.labels, self.watch)
        scheduler = Scheduler(self.quiet_transactions, JOBS, context)
        self._tasks.start("jobs", scheduler.run())
        self._tasks.start("webhooks", self.webhooks.run())
        self._tasks.start("health", self.health.run())
        self._tasks.start("clock", self.clock.run(self.database))
        self._tasks.start("key uses", self.keys.run())
        self._tasks.start("sockets", self.sockets.watch(self._live_keys))
        if self.settings.broadcast_url.startswith("redis"):
            for name, buckets in (("costs", self.costs), ("wrong keys", self.wrong_keys.buckets)):
                shared = SharedCosts(buckets, self.settings.broadcast_url)
                self._tasks.start(name, shared.run())
        logger.info("restow.started", engine=self.database.engine)

    async def stop(self) -> None:
        """Stop background work, let transactions finish, and disconnect.

        After STOP_SECONDS, transactions and connections that do not end are abandoned.
        """
        self.sockets.close_all()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._disconnect()
        except TimeoutError:
            await self.transactions.abandon()
            await self.quiet_transactions.abandon()
            await self.database.abandon()
            logger.warning("restow.gave_up", seconds=STOP_SECONDS)
        logger.info("restow.stopped")

    async def _disconnect(self) -> None:
        await self._tasks.stop()
        await asyncio.gather(self.gateway.close(), self.labels.close(), self.outbound.close())
        await self.transactions.drain()
        await self.live.stop()
        await self.quiet_transactions.drain()
        await self.database.close()

    async def _database_problem(self) -> str | None:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                versions = await missing(self.settings.database_url)
                async with self.database.reading() as session:
                    await session.fetch_value("SELECT 1")
        except (DatabaseError, MigrationError, OSError) as error:
            return f"not reachable: {type(error).__name__}"
        return f"not migrated: {versions[0]}" if versions else None

    async def _broadcast_problem(self) -> str | None:
        return None if self.live.doorbell.is_connected else "not connected"

    async def _disk_problem(self) -> str | None:
        return "the disk of the database is full" if self.database.storage.is_full else None


def _new_request_id() -> str:
    return f"{getrandbits(128):032x}"  # unique, not secret


def create_app() -> ASGIApp:
    """The program as an ASGI application, from the environment. Raises SettingsError."""
    settings = configuration.load()
    configure(settings.log_format, settings.log_level)
    return Restow(settings).asgi
