"""The delivery of webhooks by one process: leases, feeding, calls, and their recording.

- Lease: one process at a time delivers to a webhook. A process that dies keeps its webhooks for the
  rest of the lease. No call begins that might outlast the lease.
- Feed: events become messages (feeding.py). Reads of the log are shared by all webhooks.
- Call: at most `endpoint_calls` to a webhook and `concurrency` in all. Webhooks take turns. Those
  whose calls fail share half of the calls, one each, so that they cannot delay the others.
- Record: the results that came in during a commit are recorded in the next one (recording.py).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import structlog

import models.queries.access as key_queries
import models.queries.integrations.reads as integration_reads
import models.queries.webhooks.deliveries as delivery_queries
import models.queries.webhooks.endpoints as endpoint_queries
import workflows.integrations.webhook_keys as webhook_keys
import workflows.webhooks.calls as calls
import workflows.webhooks.recording as recording
from domain.integrations.figures import TryResult
from domain.integrations.states import IntegrationStatus
from domain.values.global_ids import global_id
from domain.webhooks.delivery_queue import DeliveryQueue, QueuedMessage
from domain.webhooks.messages import MessageStatus
from domain.webhooks.retries import stops_at_end
from integrations.outbound.client import OutboundClient
from models.database.errors import unforeseen
from models.queries.webhooks.endpoints import EndpointRow
from workflows.integrations.health import HealthMonitor
from workflows.transactions.runner import Transactions
from workflows.webhooks.calls import FinishedCall
from workflows.webhooks.endpoints import NEVER, WAITING_MAX, Endpoint
from workflows.webhooks.feeder import Feeder
from workflows.webhooks.recording import Recorded
from workflows.webhooks.terms import DEFAULT_TERMS, DeliveryTerms, Render

logger = structlog.get_logger(__name__)

RECORDED_MAX: Final = 200
# Calls whose result is not recorded yet. Beyond it no call begins, so that a crash repeats few.
UNRECORDED_MAX: Final = 128
# Leases that a process takes at once: half of the free ones, so that all processes get some.
LEASES_MIN: Final = 4
_STOP_SECONDS: Final = 1.0


class Deliveries:
    """Delivers to the webhooks whose leases this process holds.

    `transactions` must not report commits: results of calls record few events.
    """

    def __init__(
        self,
        transactions: Transactions,
        client: OutboundClient,
        render: Render,
        health: HealthMonitor,
        terms: DeliveryTerms = DEFAULT_TERMS,
    ) -> None:
        self._transactions = transactions
        self._health = health
        self._client = client
        self._render = render
        self._terms = terms
        self._holder = str(uuid4())
        self._endpoints: dict[UUID, Endpoint] = {}
        self._turns: list[UUID] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._finished: list[FinishedCall] = []
        self._has_finished = asyncio.Event()
        # Held while messages are read, or written, and their queues follow.
        self._queues = asyncio.Lock()
        self._may_dispatch = asyncio.Event()
        self._feeder = Feeder(
            transactions,
            render,
            self._endpoints,
            self._holder,
            self._queues,
            self._may_dispatch.set,
        )

    def wake(self, position: int) -> None:
        """Report that the log has grown up to a position."""
        self._feeder.wake(position)

    async def run(self) -> None:
        """Deliver until cancelled. Then record what has ended, and release the leases."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for step in (self._follow, self._feeder.feed, self._dispatch, self._record):
                    tasks.create_task(self._repeat(step))
        finally:
            await self._stop()

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Exception as error:  # the next round may succeed, and others must go on
                name = getattr(step, "__name__", "step").strip("_")
                logger.warning(
                    "webhooks.failed", step=name, error=repr(error), exc_info=unforeseen(error)
                )
                await asyncio.sleep(self._terms.tick)

    async def _stop(self) -> None:
        for call in self._calls:
            call.cancel()
        with suppress(Exception):
            async with asyncio.timeout(_STOP_SECONDS):
                while self._finished:
                    await self._record_some()
                await self._transactions.run(
                    lambda tx: endpoint_queries.release_leases(tx.session, self._holder, tx.now)
                )

    # ─── leases and settings ───

    async def _follow(self) -> None:
        """Take and renew leases, and follow changes of webhooks and of their messages."""
        now = self._transactions.clock()
        async with self._transactions.database.reading() as session:
            rows = await endpoint_queries.live_endpoints(session)
        taken = await self._take(rows, now)
        until = now + self._terms.lease
        for row in rows:
            if row["id"] in taken:
                await self._keep(row, until)
            elif row["id"] in self._endpoints and row["holder"] == self._holder:
                await self._keep(row, row["lease_until_at"])
        mine = {row["id"] for row in rows if row["id"] in taken or row["holder"] == self._holder}
        for lost in self._endpoints.keys() - mine:
            del self._endpoints[lost]
        await self._pause_keyless(now)
        self._may_dispatch.set()
        self._feeder.wake_up()
        has_more = len(mine) < len(rows) and any(
            row["id"] not in mine and row["lease_until_at"] <= now for row in rows
        )
        await asyncio.sleep(self._terms.tick / 4 if has_more else self._terms.tick)

    async def _take(self, rows: Sequence[EndpointRow], now: datetime) -> set[UUID]:
        """Renew the leases that end soon, and take some of the free ones."""
        soon = now + self._terms.lease * 2 / 3
        own = [
            row["id"]
            for row in rows
            if row["holder"] == self._holder and now < row["lease_until_at"] < soon
        ]
        free = [row["id"] for row in rows if row["lease_until_at"] <= now]
        random.shuffle(free)
        wanted = [*own, *free[: max(LEASES_MIN, len(free) // 2)]]
        if not wanted:
            return set()
        return await self._transactions.run(
            lambda tx: endpoint_queries.take_leases(
                tx.session, wanted, self._holder, tx.now, now + self._terms.lease
            )
        )

    async def _keep(self, row: EndpointRow, until: datetime) -> None:
        """Follow a webhook of this process; read again what has changed."""
        endpoint = self._endpoints.get(row["id"])
        if endpoint is not None and endpoint.lease_until < self._transactions.clock():
            endpoint = None  # another process may have had it meanwhile
        settings = (row["version"], row["api_key_id"])
        is_same = endpoint is not None and endpoint.row["ordering"] == row["ordering"]
        if endpoint is None or not is_same or endpoint.settings != settings:
            endpoint = await self._read(row, until, endpoint if is_same else None)
            if endpoint is None:
                return
            self._endpoints[row["id"]] = endpoint
        elif endpoint.row["revision"] != row["revision"]:
            endpoint.follow(row)
            await self._fill(endpoint)
        endpoint.follow(row)
        endpoint.lease_until = until

    async def _read(
        self, row: EndpointRow, until: datetime, known: Endpoint | None
    ) -> Endpoint | None:
        async with self._transactions.database.reading() as session:
            key = await key_queries.key_with_id(session, row["api_key_id"])
            secrets = await integration_reads.secrets_by_integration(session, [row["id"]])
        if key is None:
            return None
        caller = webhook_keys.receiver_of(key)
        if known is not None:
            known.caller, known.secrets = caller, secrets.get(row["id"], ())
            known.follow(row)
            await self._fill(known)
            return known
        made = Endpoint(row, caller, secrets.get(row["id"], ()), until)
        await self._fill(made)
        return made

    async def _fill(self, endpoint: Endpoint) -> None:
        async with self._queues:
            async with self._transactions.database.snapshot() as session:
                rows = list(
                    await delivery_queries.waiting_messages(session, endpoint.id, 2 * WAITING_MAX)
                )
                if stops_at_end(endpoint.ordering):
                    stopping = await delivery_queries.stopping_message(session, endpoint.id)
                    rows += [] if stopping is None else [stopping]
            endpoint.fill(rows)

    async def _pause_keyless(self, now: datetime) -> None:
        over = [
            endpoint.id
            for endpoint in self._endpoints.values()
            if not endpoint.is_still and not endpoint.has_live_key(now)
        ]
        if over:
            await self._transactions.run(lambda tx: recording.pause_keyless(tx, over, self._holder))

    # ─── calls ───

    async def _dispatch(self) -> None:
        """Begin all calls that may begin, then wait until something has changed."""
        self._may_dispatch.clear()
        now = self._transactions.clock()
        while self._begin_round(now):
            pass
        due = [each for each in map(Endpoint.due_at, self._endpoints.values()) if each is not None]
        seconds = (min(due) - now).total_seconds() if due else self._terms.tick
        # What is due already waits for a free call, whose end sets the event.
        timeout = min(seconds, self._terms.tick) if seconds > 0 else self._terms.tick
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._may_dispatch.wait()

    def _begin_round(self, now: datetime) -> bool:
        """Begin at most one call of each webhook; false if none began."""
        known = set(self._turns)
        self._turns = [each for each in self._turns if each in self._endpoints]
        self._turns += [each for each in self._endpoints if each not in known]
        begun = [each for each in self._turns if self._begin_one(self._endpoints[each], now)]
        if self._turns:
            self._turns.append(self._turns.pop(0))
        return bool(begun)

    def _begin_one(self, endpoint: Endpoint, now: datetime) -> bool:
        limit = self._health.calls_max(endpoint.row["code"])
        if endpoint.calls >= endpoint.calls_max(self._terms.endpoint_calls, limit):
            return False
        most = self._terms.concurrency
        if endpoint.failures_in_row:
            most = max(1, most // 2)
        is_full = len(self._calls) >= most or self._unrecorded >= UNRECORDED_MAX
        message = None if is_full else endpoint.take(now, self._terms.call)
        if message is None:
            return False
        endpoint.calls += 1
        call = asyncio.create_task(self._call(endpoint, message))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return True

    @property
    def _unrecorded(self) -> int:
        return sum(each.queue.busy + each.tests.busy for each in self._endpoints.values())

    async def _call(self, endpoint: Endpoint, message: QueuedMessage) -> None:
        """Send a message. Its result waits to be recorded."""
        try:
            finished = await self._send(endpoint, message)
        finally:
            endpoint.calls -= 1
        if finished is None:
            _queue_of(endpoint, message).settle(message.id)
        else:
            self._judge(endpoint, finished)
            self._finished.append(finished)
            self._has_finished.set()
        self._may_dispatch.set()

    async def _send(self, endpoint: Endpoint, message: QueuedMessage) -> FinishedCall | None:
        """Make the call; None if the message is gone."""
        payload = message.payload
        if payload is None:
            async with self._transactions.database.reading() as session:
                payload = await delivery_queries.payload_of(session, message.id)
        if payload is None:
            return None
        body, now = payload.encode(), self._transactions.clock()
        headers = calls.signed_headers(
            self._transactions.terms.secrets_key,
            endpoint.id,
            endpoint.secrets,
            global_id("Message", message.id),
            now,
            body,
        )
        return await calls.send(
            self._client,
            endpoint.row["url"],
            headers,
            body,
            message,
            integration_id=endpoint.id,
            clock=self._transactions.clock,
            is_probe=endpoint.is_down,
        )

    def _judge(self, endpoint: Endpoint, call: FinishedCall) -> None:
        """Let the result decide about the next calls of the webhook, and about its status."""
        if call.message.position is None:
            return
        code, seconds = endpoint.row["code"], call.duration_ms / 1_000
        self._health.record(code, call.tried, seconds, call.failure)
        if call.tried is TryResult.SUCCEEDED:
            endpoint.record_success()
        elif call.tried is TryResult.FAILED:
            endpoint.record_failure(self._transactions.clock(), self._terms)

    # ─── records ───

    async def _record(self) -> None:
        """Wait for results, and record them."""
        await self._has_finished.wait()
        while self._finished:
            await self._record_some()
            self._may_dispatch.set()
        self._has_finished.clear()

    async def _record_some(self) -> None:
        """Record the results that have come in."""
        async with self._queues:
            ended = self._finished[:RECORDED_MAX]
            recorded = await self._transactions.run(
                lambda tx: recording.record(
                    tx, ended, self._holder, self._terms.retry_seconds, random.random
                )
            )
            del self._finished[: len(ended)]
            for each in recorded:
                self._follow_record(each)
        kept = {each.call.message.id for each in recorded}
        for lost in ended:
            if lost.message.id not in kept:
                self._endpoints.pop(lost.integration_id, None)

    def _follow_record(self, recorded: Recorded) -> None:
        call, step = recorded.call, recorded.step
        endpoint = self._endpoints.get(call.integration_id)
        if endpoint is None:
            return
        if recorded.has_paused:
            endpoint.row["status"] = IntegrationStatus.PAUSED
        queue = _queue_of(endpoint, call.message)
        is_stop = step.status is MessageStatus.PARKED and stops_at_end(endpoint.ordering)
        if is_stop and call.message.position is not None:
            queue.put_back(
                call.message.id, status=step.status, due_at=NEVER, attempts=step.attempts
            )
            return
        if step.next_attempt_at is None:
            queue.settle(call.message.id)
            return
        if call.answer.rests_until is not None:
            endpoint.rest(call.answer.rests_until)
        queue.put_back(
            call.message.id, status=step.status, due_at=step.next_attempt_at, attempts=step.attempts
        )


def _queue_of(endpoint: Endpoint, message: QueuedMessage) -> DeliveryQueue:
    return endpoint.tests if message.position is None else endpoint.queue
