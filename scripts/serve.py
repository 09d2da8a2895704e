"""Migrate, add demo data to an empty database, and serve (`make serve`)."""

import asyncio
import os
import socket
import sys

import server.process.garbage_collection as garbage_collection

garbage_collection.collect_rarely()  # before the other imports: it saves a tenth of the start

from pathlib import Path

import uvicorn
from graphql import build_schema

import scripts.demo.story as story
from domain.access.callers import Role
from domain.terms import Terms
from models.database.database import Database
from models.database.sessions import DatabaseError
from models.migrations.runner import DatabaseUnreachable, MigrationError, migrate
from scripts.demo.seed import DemoKeys, DemoRefused, is_empty, renew_keys, seed
from server.operations.documents import DocumentCache
from server.operations.limits import RequestLimits
from server.operations.persisted_documents import (
    DocumentsUnreadable,
    check_documents,
    read_documents,
)
from server.process.proxies import has_proxies
from server.transports.guarded_http import GuardedHttp
from server.transports.write_coalescing import CoalescingWebSockets
from settings import PREFIX, Settings, SettingsError, load
from workflows.policies.default_limits import name_base_currency
from workflows.reactions import REACTIONS
from workflows.transactions.clock import Clock
from workflows.transactions.ids import Ids
from workflows.transactions.item_costs import CostsInAnotherCurrency, check_base_currency
from workflows.transactions.runner import Transactions

WEBSOCKET_BYTES_MAX = 256 * 1024
# On every response, also on those that the server makes itself.
HEADERS = [("X-Content-Type-Options", "nosniff")]
# Together with the time that background tasks may take, this stays below 10 seconds, the limit for
# a stop.
GRACEFUL_SECONDS = 5


async def prepare(settings: Settings) -> DemoKeys | None:
    """Migrate the database. In demo mode also fill an empty one and renew the demo keys."""
    for name in await migrate(settings.database_url, settings.base_currency):
        print(f"serve: migrated to {name}")
    database = Database(settings.database_url)
    await database.open()
    try:
        await check_base_currency(database, settings.base_currency)
        clock = Clock()
        await clock.measure(database)
        transactions = Transactions(
            database,
            clock=clock,
            new_id=Ids(),
            reactions=REACTIONS,
            terms=Terms(settings.base_currency, settings.holds, settings.parcel_grams_max),
        )
        for kind in await transactions.run(name_base_currency):
            print(
                f"serve: the default {kind} policy now has its limits in {settings.base_currency}"
            )
        if not settings.demo:
            return None
        if await is_empty(database):
            print("serve: the database is empty, adding the demo")
            return await seed(transactions, database)
        try:
            return await renew_keys(transactions, database)
        except DemoRefused as error:
            print(f"serve: the database does not hold the demo, so no demo keys are made ({error})")
            return None
    finally:
        await database.close()


def export_to_workers(settings: Settings, keys: DemoKeys) -> None:
    """Pass the open channel and GraphiQL's key to the serving processes, as environment
    variables."""
    channels = settings.anonymous_channels | {keys.anonymous_channel}
    os.environ[f"{PREFIX}ANONYMOUS_CHANNELS"] = ",".join(sorted(channels))
    os.environ[f"{PREFIX}DEMO_KEY"] = keys.by_role[Role.ADMIN]


def check_port(settings: Settings) -> None:
    """Raise OSError if the address is taken.

    The check runs before the demo keys are renewed, so a server that is already running keeps its
    keys.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            address = f"{settings.host}:{settings.port}"
            raise OSError(f"RESTOW_HOST and RESTOW_PORT: {address}: {error.strerror}") from error


def check_persisted_documents(settings: Settings) -> None:
    """Raise DocumentsUnreadable if a document of the operator cannot run on this version's schema.

    The schema is read from its file: this process does not serve, and needs no resolvers.
    """
    if settings.persisted_documents is None:
        return
    sdl = build_schema((Path(__file__).parents[1] / "schema" / "schema.graphql").read_text())
    reads_schema = settings.demo or Role.STOREFRONT in settings.introspection_roles
    documents = DocumentCache(sdl, limits=RequestLimits(), introspection=reads_schema)
    check_documents(read_documents(settings.persisted_documents), documents)


def print_introduction(settings: Settings, keys: DemoKeys) -> None:
    """Print the address, the demo keys, and three requests to try first."""
    address = f"http://{settings.host}:{settings.port}/graphql"
    print(f"\nGraphiQL        {address}\n\nDemo keys       Authorization: Bearer …")
    for role, key in keys.by_role.items():
        print(f"  {role.value:<13} {key}")
    channel, sku = keys.anonymous_channel, story.HOLD[0][0]
    print(
        f"""
Three things to try in GraphiQL (its tabs hold the full documents)
  1. See what the shop can sell. query {{ availability(channel: "{channel}",
                                  skus: ["{sku}"]) {{ sku availableToPromise shipBy }} }}
  2. Hold two of the last ones. mutation {{ reservationCreate(input: {{channel: "{channel}",
                                  lines: [{{sku: "{sku}", quantity: 2}}]}})
                                  {{ reservation {{ id expiresAt }} userErrors {{ message }} }} }}
  3. Watch it happen.           subscription {{ availabilityChanged(channel: "{channel}")
                                  {{ availability {{ sku availableToPromise }} }} }}
""",
        flush=True,
    )


def serve(settings: Settings) -> None:
    uvicorn.run(
        "app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=GuardedHttp,
        ws=CoalescingWebSockets,
        ws_max_size=WEBSOCKET_BYTES_MAX,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        log_config=None,
        access_log=False,
        server_header=False,
        headers=HEADERS,
        proxy_headers=has_proxies(),
    )


def main() -> None:
    """Read the settings, prepare the database, print the introduction, and serve."""
    try:
        settings = load()
        check_port(settings)
        check_persisted_documents(settings)
        keys = asyncio.run(prepare(settings))
    except DocumentsUnreadable as error:
        sys.exit(f"serve: RESTOW_PERSISTED_DOCUMENTS: {error}")
    except CostsInAnotherCurrency as error:
        sys.exit(f"serve: RESTOW_BASE_CURRENCY: {error}")
    except DatabaseUnreachable as error:
        sys.exit(f"serve: RESTOW_DATABASE_URL: {error}")
    except (SettingsError, MigrationError, DatabaseError, OSError) as error:
        sys.exit(f"serve: {error}")
    if keys is not None:
        export_to_workers(settings, keys)
        print_introduction(settings, keys)
    serve(settings)


if __name__ == "__main__":
    main()
