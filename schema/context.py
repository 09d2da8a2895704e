"""The `info.context` of resolvers: the caller, one snapshot for reads, and actions."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import strawberry

from domain.access.callers import Caller
from domain.problems import Unread
from integrations.outbound.client import OutboundClient
from models.database.database import Database
from models.database.sessions import Session
from models.queries.listing.scopes import Scope, scope_of
from models.queries.listing.selections import JoinedRows, Selection
from schema.loaders import Loaders
from server.projection.contexts import OperationCharge, Reads
from subscriptions.log.relay import Audience
from subscriptions.streams.objects import ObjectStreams
from subscriptions.streams.snapshots import Snapshots
from subscriptions.streams.stock_and_events import Streams
from subscriptions.streams.task_queues import QueueStreams
from workflows.availability.availability import Availability
from workflows.availability.cache import AvailabilityCache
from workflows.transactions.actions import Action
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.runner import Transactions

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a process that all operations share. `clock` follows the database's clock."""

    database: Database
    transactions: Transactions
    clock: Callable[[], datetime]
    streams: Streams[Availability]
    snapshots: Snapshots[Availability]
    availability: AvailabilityCache
    queues: QueueStreams
    objects: ObjectStreams
    outbound: OutboundClient


@dataclass(slots=True)
class Context:
    """One operation of one caller.

    Reads share one snapshot, opened by the first of them. A mutation field closes it, so that
    later reads include its changes.

    `keys`: idempotency keys by response key.
    `selections`: the columns that root fields select of their lists, by response key.
    `shape_reads`: the reads that earlier operations of the same shape needed.
    `joined`: the rows that lists of this snapshot brought along, by key.
    `audience`: the subscribers of the stream that this operation opens.
    `charge`: the cost of this operation; None for a subscription and its events.
    `has_left` returns True once nobody waits for the response; None: somebody always does.
    """

    caller: Caller
    services: Services
    keys: Mapping[str, str | None] = field(default_factory=dict)
    request_id: str = ""
    audience: Audience | None = None
    charge: OperationCharge | None = None
    has_left: Callable[[], bool] | None = None
    selections: Mapping[str, Selection] = field(default_factory=dict)
    shape_reads: Reads = field(default_factory=Reads)
    joined: dict[JoinedRows, dict[Any, Any]] = field(init=False)
    now: datetime = field(init=False)
    _loaders: Loaders | None = field(init=False, default=None)
    _opened: tuple[Session, Scope] | None = field(init=False, default=None)
    _snapshot: AbstractAsyncContextManager[Session] | None = field(init=False, default=None)
    _opening: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Set the time to now and drop the loaders; the snapshot was closed before."""
        self.now = self.services.clock()
        self._drop_rows()

    @property
    def loaders(self) -> Loaders:
        """The loaders of this operation, created at first use."""
        if self._loaders is None:
            self._loaders = Loaders(self.opened)
        return self._loaders

    async def opened(self) -> tuple[Session, Scope]:
        """The snapshot of this operation, and the caller's scope in it."""
        async with self._opening:
            if self._opened is None:
                database = self.services.database
                is_single = self.shape_reads.are_single and self._has_no_scope
                snapshot = database.single() if is_single else database.snapshot()
                session = await snapshot.__aenter__()
                self._snapshot = snapshot
                self._opened = session, await scope_of(session, self.caller)
            return self._opened

    @property
    def _has_no_scope(self) -> bool:
        """True if the caller's key names no channels and locations, which would be looked up."""
        return self.caller.channels is None and self.caller.locations is None

    async def session(self) -> Session:
        """The snapshot of this operation."""
        return (await self.opened())[0]

    async def perform(
        self, response_key: object, action: Action[C], command: C, unread: tuple[Unread, ...]
    ) -> Outcome:
        """Perform the action of one mutation field. `unread`: arguments that could not be read."""
        # A read that fails because it needs another call repeats its operation. A mutation must not
        # be repeated, so its payload is read from a snapshot.
        self.shape_reads = Reads(are_single=False)
        await self.close()
        key = self.keys.get(str(response_key))
        request = Request(command, self.caller, key, unread, self.has_left)
        outcome = await self.services.transactions.perform(action, request)
        self.renew()
        return outcome

    def another(self, events: Iterable[object] = ()) -> "Context":
        """A context of the same caller with its own snapshot, to be closed separately.

        Events with a `prime` method prime its loaders.
        """
        fresh = Context(self.caller, self.services, request_id=self.request_id)
        for event in events:
            if (prime := getattr(event, "prime", None)) is not None:
                prime(fresh.loaders)
        return fresh

    async def close(self) -> None:
        """Return the connection of the snapshot; the next read opens another one."""
        if self._opening.locked():
            # A snapshot that is being opened is closed as well, even if this task is cancelled.
            await self.services.database.run_uncancelled(self._close())
        else:
            await self._close()

    def _drop_rows(self) -> None:
        """Drop the rows of the snapshot, and the loaders, which refer to this context."""
        self._loaders = None
        self.joined = {}

    async def _close(self) -> None:
        async with self._opening:
            snapshot, opened = self._snapshot, self._opened
            self._snapshot = self._opened = None
            self._drop_rows()
            reads = self.shape_reads
            if opened is not None and self._has_no_scope and reads.are_single is not False:
                reads.are_single = opened[0].lock.is_single
        if snapshot is not None:
            await snapshot.__aexit__(None, None, None)


Info = strawberry.Info[Context, Any]
Resolver = Callable[..., Awaitable[Any]]
Stream = Callable[..., AsyncGenerator[Any, None]]
