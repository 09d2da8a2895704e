"""Subscription feeds: executed responses; equal subscriptions share one execution.

The layer between the transports (WebSocket, server-sent events) and the fan-out. It finds equal
subscriptions and makes the context of each one. A subscriber catches up on its own feed, then joins
the shared one.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Protocol, cast

import orjson
from graphql import BooleanValueNode, FieldNode, NonNullTypeNode, VariableNode

from domain.access.callers import Caller
from server.operations.answers import Answer as AnswerData
from server.operations.documents import Document
from server.operations.engine import Engine, Operation, Subscription
from server.operations.request import GraphQLRequest
from server.transports.protocol import dumped
from server.transports.send_queue import SendQueue
from subscriptions.delivery.batching import in_batches
from subscriptions.delivery.fanout import BATCH_MAX, Answer, Fanout, Feed, Member
from subscriptions.log.relay import Audience

AFTER = "after"
SNAPSHOT = "snapshot"
_SORTED = orjson.OPT_SORT_KEYS
_USES = re.compile(r"\$\s*([_A-Za-z][_0-9A-Za-z]*)")


class StreamContext(Protocol):
    """The `info.context` of resolvers."""

    async def close(self) -> None:
        """Release the resources of the operation."""
        ...

    def another(self, events: Iterable[object] = ()) -> StreamContext:
        """A fresh context for the same caller, in which these events are executed."""
        ...


# The context of an operation; the last argument is passed to the stream that the operation opens.
MakeContext = Callable[[Caller, Operation, Audience | None], StreamContext]


class StreamRefused(Exception):
    """A subscription that could not be opened: GraphQL errors, as they are sent."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["message"] if errors else "refused")
        self.errors = errors


class ResultFrames(Protocol):
    """The framing of results by a transport."""

    def next(self, answer: str) -> str:
        """A result, given as JSON text."""
        ...


class Subscriber(Member):
    """A member of the fan-out that sends over a connection of its client."""

    __slots__ = ("_frames", "_outbox")

    def __init__(self, outbox: SendQueue, frames: ResultFrames) -> None:
        super().__init__()
        self._outbox = outbox
        self._frames = frames

    async def send(self, answer: Answer) -> None:
        """Send a message of the subscriber's own feed, waiting for room."""
        await self._outbox.send(self._frames.next(answer.text))

    def next_frame(self) -> str | None:
        """The next frame of the backlog."""
        answer = self.next_answer()
        return None if answer is None else self._frames.next(answer.text)

    def _try_send(self, answer: Answer) -> bool:
        return self._outbox.send_now(self._frames.next(answer.text))

    def _has_more(self) -> None:
        self._outbox.add(self)


class SubscriptionFeeds:
    """Executes operations for transports.

    `shared_fields`: subscriptions whose subscribers join a shared feed.
    `snapshot_fields`: those of them that first send a snapshot, executed for each subscriber.
    Others do so if their argument `snapshot` is true.
    `charge` takes the cost of a subscription, which is that of one event. It may raise
    RequestRefused.
    """

    def __init__(
        self,
        engine: Engine,
        make_context: MakeContext,
        fanout: Fanout,
        shared_fields: frozenset[str] = frozenset(),
        snapshot_fields: frozenset[str] = frozenset(),
        charge: Callable[[Caller, int], object] = lambda *_: None,
    ) -> None:
        self._engine = engine
        self._make_context = make_context
        self._fanout = fanout
        self._shared_fields = shared_fields
        self._snapshot_fields = snapshot_fields
        self._charge = charge
        self.serving = 0
        self.ends: Counter[str] = Counter()  # ended subscriptions by reason

    async def execute(self, operation: Operation, caller: Caller) -> str:
        """The response of a query or mutation, as JSON."""
        context = self._make_context(caller, operation, None)
        try:
            return (await self._engine.respond(operation, context)).body.decode()
        finally:
            await context.close()

    async def serve(
        self, request: GraphQLRequest, operation: Operation, caller: Caller, member: Member
    ) -> None:
        """Serve a subscription until it ends. Raises StreamRefused, or the error that ended it."""
        self._charge(caller, operation.cost)
        self.serving += 1
        why = "left"
        try:
            await self._serve(request, operation, caller, member)
            why = "complete"
        except StreamRefused as refused:
            why = str(refused.errors[0].get("extensions", {}).get("code", "INTERNAL"))
            raise
        except Exception as error:
            why = str(getattr(error, "code", "INTERNAL"))
            raise
        finally:
            self.serving -= 1
            self.ends[why] += 1

    async def _serve(
        self, request: GraphQLRequest, operation: Operation, caller: Caller, member: Member
    ) -> None:
        own = self._feed(operation, caller)
        shared = self._without_start(request, operation)
        if shared is None:
            async with aclosing(own(None)) as batches:
                async for answers in batches:
                    for answer in answers:
                        await member.send(answer)
            return
        key = _sharing_key(request, shared, caller)
        feed = self._feed(shared, caller)
        must_catch_up = shared is not operation or self._starts_with_snapshot(shared)
        await self._fanout.serve(key, feed, member, own=own if must_catch_up else None)

    def _feed(self, operation: Operation, caller: Caller) -> Feed:
        """A feed that opens and executes a subscription; an error ends it and is sent once."""

        async def feed(audience: Audience | None) -> AsyncGenerator[Sequence[Answer], None]:
            context = self._make_context(caller, operation, audience)
            try:
                opened = await self._engine.open(operation, context)
                if not isinstance(opened, Subscription):
                    raise StreamRefused(opened["errors"])
                async with aclosing(_executed(opened, context)) as batches:
                    async for answers in batches:
                        yield answers
            except StreamRefused:
                raise
            except Exception as error:  # noqa: BLE001  every error is sent to the client
                refused = self._engine.answers.failure(error, operation.request_id)
                raise StreamRefused(refused.errors) from None
            finally:
                await context.close()

        return feed

    def _starts_with_snapshot(self, operation: Operation) -> bool:
        field = _root_field(operation.document)
        if field is None:
            return False
        return field.name.value in self._snapshot_fields or _asks_for_snapshot(field, operation)

    def _without_start(self, request: GraphQLRequest, operation: Operation) -> Operation | None:
        """The operation without its start position; None if it cannot use a shared feed."""
        field = _root_field(operation.document)
        if field is None or field.name.value not in self._shared_fields:
            return None
        after = next(
            (each.value for each in field.arguments or () if each.name.value == AFTER), None
        )
        if after is None:
            return operation
        if not isinstance(after, VariableNode):
            return None
        name = after.name.value
        if operation.variables.coerced.get(name) is None:
            return operation
        if not _may_omit(operation.document, name):
            return None
        return self._engine.prepare(_without(request, name), request_id=operation.request_id)


async def _executed(
    subscription: Subscription, context: StreamContext
) -> AsyncGenerator[Sequence[Answer], None]:
    """One response per event; the events of a batch share a new context and its reads."""
    source = cast(AsyncGenerator[Any, None], subscription.source)
    async with aclosing(in_batches(source, BATCH_MAX)) as batches:
        async for events in batches:
            fresh = context.another(events)
            try:
                answers = await _all([subscription.respond(event, fresh) for event in events])
            finally:
                await fresh.close()
            yield list(map(_answer, events, answers))


def _answer(event: object, data: AnswerData) -> Answer:
    text = getattr(event, "cursor", None)
    cursor = None if text is None else int(text)
    position = getattr(event, "position", cursor)
    return Answer(dumped(data), position, getattr(event, "replaces", None), cursor)


async def _all(executions: Sequence[Awaitable[AnswerData]]) -> list[AnswerData]:
    """The results of concurrent executions. Raises the first error, after all have ended."""
    if len(executions) == 1:  # the usual case; a task would run later
        return [await executions[0]]
    answers = []
    for answer in await asyncio.gather(*executions, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer
        answers.append(answer)
    return answers


def _asks_for_snapshot(field: FieldNode, operation: Operation) -> bool:
    """True if the argument `snapshot` of a subscription is true."""
    for argument in field.arguments or ():
        if argument.name.value == SNAPSHOT:
            value = argument.value
            if isinstance(value, VariableNode):
                return operation.variables.coerced.get(value.name.value) is True
            return isinstance(value, BooleanValueNode) and value.value
    return False


def _sharing_key(request: GraphQLRequest, shared: Operation, caller: Caller) -> Hashable:
    """A value that is equal for subscriptions with the same responses from now on.

    If more exists for some actors than for others with the same scope, it includes the actor.
    """
    name = _after_variable(shared.document)
    variables = _without(request, name).variables if name else request.variables
    operation = (request.query, request.operation_name, orjson.dumps(variables, option=_SORTED))
    actor = caller.actor if caller.has_own_rows else None
    return operation, caller.role, caller.permissions, caller.channels, caller.locations, actor


def _without(request: GraphQLRequest, name: str) -> GraphQLRequest:
    variables = {key: value for key, value in request.variables.items() if key != name}
    return GraphQLRequest(request.query, variables, request.operation_name)


def _root_field(document: Document) -> FieldNode | None:
    """The root field of a subscription; None if it is not a plain field."""
    [*selections] = document.operation.selection_set.selections
    if len(selections) == 1 and isinstance(selections[0], FieldNode):
        return selections[0]
    return None


def _after_variable(document: Document) -> str | None:
    field = _root_field(document)
    for argument in (field and field.arguments) or ():
        if argument.name.value == AFTER and isinstance(argument.value, VariableNode):
            return argument.value.name.value
    return None


def _may_omit(document: Document, name: str) -> bool:
    """True if a variable is optional, and no other argument uses it."""
    definition = next(
        each
        for each in document.operation.variable_definitions or ()
        if each.variable.name.value == name
    )
    may_be_absent = definition.default_value is None and not isinstance(
        definition.type, NonNullTypeNode
    )
    uses = _USES.findall(document.text)
    return may_be_absent and uses.count(name) == 2  # its definition, and the argument
