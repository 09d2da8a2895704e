"""The engine: schema, documents and execution in three calls: prepare, execute, subscribe.

    request = request_of(payload)                       # well formed
    operation = engine.prepare(request, header)         # valid, variables coerced, keys read
    response = await engine.respond(operation, context)  # {"data": …}, {"errors": …} if any

Strawberry builds the schema and its resolvers. Operations are run by graphql-core directly, because
Strawberry parses, validates and sets up extensions anew for every request.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import isawaitable
from typing import Any, Final, NamedTuple, cast

import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType
from graphql.execution import create_source_event_stream
from graphql.execution.values import VariableValues
from strawberry.extensions import SchemaExtension
from strawberry.extensions.directives import DirectivesExtension, DirectivesExtensionSync
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.utils.str_converters import to_camel_case

from domain.access.callers import Caller, Role
from server.operations.answers import Answer, Answers, Translate, encoded
from server.operations.budgets import too_large, too_many_rows, took_too_long
from server.operations.costs import cost_of, too_costly
from server.operations.deadlines import Deadlines
from server.operations.descriptions import describe
from server.operations.documents import Document, DocumentCache
from server.operations.encoding import encoded_in_slices
from server.operations.errors import DocumentRefused, bad_request
from server.operations.executor import Executor, build_executor
from server.operations.idempotency_keys import keys_of
from server.operations.limits import RequestLimits
from server.operations.persisted_documents import PersistedDocuments
from server.operations.request import GraphQLRequest
from server.operations.root_resolvers import resolve_at_once
from server.operations.variables import Variables, check_strings
from server.projection.contexts import OperationCharge
from server.projection.pace import Pace
from server.projection.slices import Slices

# Operations above this static cost run in slices; others take a few milliseconds.
LARGE_FROM_COST: Final = 4_000
ENCODED_AT_ONCE: Final = 5_000  # rows; about 5 ms


class MemoisedNameConverter(NameConverter):
    """A cache of Strawberry's names, which it computes again for every argument of every
    request.
    """

    def __init__(self) -> None:
        super().__init__(auto_camel_case=True)
        self._names: dict[str, str] = {}

    def apply_naming_config(self, name: str) -> str:
        """The camelCase name. Names come from the schema, so the cache is bounded."""
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = to_camel_case(name)
        return found


class Schema(strawberry.Schema):
    """A Strawberry schema with directives in the SDL only, and with composed root resolvers.

    Its descriptions are the docstrings of the code (server/operations/descriptions.py). Strawberry
    wraps every field in an async function as soon as one directive is registered. `@idempotent`
    does not need it: its key is read before execution.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("config", StrawberryConfig(name_converter=MemoisedNameConverter()))
        super().__init__(*args, **kwargs)
        for root in (self._schema.query_type, self._schema.mutation_type):
            if root is not None:
                resolve_at_once(root.fields.values(), self.schema_converter)
        self._is_described = False

    def describe(self) -> None:
        """Read the descriptions. Only introspection and the SDL need them, and pay for them."""
        if not self._is_described:
            describe(self._schema)
            self._is_described = True

    def as_str(self) -> str:
        """The SDL, with descriptions."""
        self.describe()
        return super().as_str()

    @property
    def graphql_schema(self) -> GraphQLSchema:
        """graphql-core's schema."""
        return self._schema

    def get_extensions(self, sync: bool = False) -> list[SchemaExtension]:
        """The extensions without the one that runs directives' resolvers."""
        unwanted = (DirectivesExtension, DirectivesExtensionSync)
        return [item for item in super().get_extensions(sync) if not isinstance(item, unwanted)]


def stays() -> bool:
    """False: the client of an operation without a connection of its own does not leave."""
    return False


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with its variables: everything known before a context exists.

    `idempotency_keys` has an entry for each root field of a mutation that will run, by response
    key (`info.path.key` in the resolver). `cost`: the static cost (server/operations/costs.py).
    `has_left` returns True once nobody waits for the response.
    """

    document: Document
    variables: VariableValues
    request_id: str
    idempotency_keys: Mapping[str, str | None] = field(default_factory=dict)
    cost: int = 1
    has_left: Callable[[], bool] = stays

    @property
    def type(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.document.operation_type

    @property
    def name(self) -> str | None:
        """The name of the operation, if any."""
        return self.document.name


class Response(NamedTuple):
    """An answer, and its JSON."""

    answer: Answer
    body: bytes


@dataclass(frozen=True, slots=True)
class Subscription:
    """An open subscription: `source` yields events, `respond` executes the selection for one.

    They are separate, so that one execution can serve many subscribers with the same document and
    variables.
    """

    source: AsyncIterator[Any]
    executor: Executor
    answers: Answers
    request_id: str

    async def respond(self, event: Any, context: Any = None) -> Answer:
        """The response for one event of the source, in its own context if one is given."""
        executor = cast(Executor, self.executor.build_per_event_executor(event))
        if context is not None:
            executor.context_value = context
        result = await _settled(executor.execute_operation(serially=False))
        return self.answers.of(result, self.request_id)


class _View(NamedTuple):
    """Documents and variables, with or without introspection and suggestions."""

    documents: DocumentCache
    variables: Variables


def _view(schema: GraphQLSchema, documents: DocumentCache) -> _View:
    return _View(documents, Variables(schema, hide_suggestions=documents.hide_suggestions))


class Engine:
    """Runs operations of one schema. `compiled=False` leaves the compiled projection out.

    `introspecting`: the roles that may read the schema although `introspection` is off.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: RequestLimits | None = None,
        introspection: bool = True,
        translate: Translate | None = None,
        compiled: bool = True,
        documents: DocumentCache | None = None,
        persisted: PersistedDocuments | None = None,
        introspecting: Collection[Role] = (),
    ) -> None:
        self.schema = schema
        self.limits = limits or RequestLimits()
        self.documents = documents or DocumentCache(
            schema, limits=self.limits, introspection=introspection
        )
        self._view = self._open_view = _view(schema, self.documents)
        if introspecting and not introspection:
            opened = DocumentCache(schema, limits=self.limits, entries=250, bytes=16 * 1024 * 1024)
            self._open_view = _view(schema, opened)
        self._introspecting = introspecting
        self._persisted = persisted or PersistedDocuments()
        self.answers = Answers(translate)
        self._compiled = compiled
        self._pace = Pace()
        self._deadlines = Deadlines(self.limits.seconds)

    def resolve(self, request: GraphQLRequest, caller: Caller) -> GraphQLRequest:
        """The request of this caller, with the text of its document.

        Raises RequestRefused for a document that is not persisted.
        """
        found = self._persisted.resolve(request, caller)
        return replace(found, introspects=True) if caller.role in self._introspecting else found

    def _view_of(self, request: GraphQLRequest) -> _View:
        return self._open_view if request.introspects else self._view

    def price(self, request: GraphQLRequest) -> int:
        """Rate tokens that `prepare` costs beyond that of the request."""
        return self._view_of(request).documents.price(request.query, request.operation_name)

    def prepare(
        self,
        request: GraphQLRequest,
        *,
        request_id: str,
        idempotency_header: str | None = None,
        has_left: Callable[[], bool] = stays,
    ) -> Operation:
        """The operation of `request`. Raises RequestRefused, and DocumentRefused for errors of
        syntax, validation or variables; both are errors of the client.
        """
        view = self._view_of(request)
        document = view.documents.get(request.query, request.operation_name)
        variables = view.variables.of(document, request.variables)
        if isinstance(variables, list):
            raise DocumentRefused(variables)
        if document.operation_type is not OperationType.MUTATION:
            check_strings(variables.coerced, self.limits.string)
        cost = cost_of(document, variables.coerced)
        if cost > self.limits.cost:
            raise too_costly(document, variables.coerced, cost, self.limits.cost)
        keys = keys_of(document, variables, idempotency_header)
        return Operation(document, variables, request_id, keys, cost, has_left)

    async def execute(
        self, operation: Operation, context: Any, *, root_value: Any = None
    ) -> Answer:
        """The response of a query or mutation; mutations run their root fields one after
        another.
        """
        return await self._execute(operation, context, root_value, self._slices(operation))

    async def respond(self, operation: Operation, context: Any) -> Response:
        """The response of a query or mutation, also in JSON.

        Raises RequestRefused if a query takes too long, or if its answer is too large. The time of
        a mutation is limited by the database, and its answer is always sent: it has happened.
        """
        slices = self._slices(operation)
        if operation.type is not OperationType.QUERY:
            answer = await self._execute(operation, context, None, slices)
            return Response(answer, _with_cost(encoded(answer), context.charge))
        limits = self.limits
        running = self._deadlines.start()
        try:
            answer = await self._execute(operation, context, None, slices)
        except asyncio.CancelledError:
            if running.is_over and running.task is not None and running.task.uncancel() == 0:
                raise took_too_long(limits.seconds) from None
            raise
        finally:
            self._deadlines.end(running)
        if slices is None or slices.rows <= ENCODED_AT_ONCE:
            body: bytes | None = encoded(answer)
        else:
            body = await encoded_in_slices(answer, limits.answer_bytes, self._pace)
        if body is None or len(body) > limits.answer_bytes:
            raise too_large(limits.answer_bytes)
        return Response(answer, _with_cost(body, context.charge))

    def _slices(self, operation: Operation) -> Slices | None:
        if operation.cost <= LARGE_FROM_COST:
            return None
        return Slices(self._pace, self.limits.rows, partial(too_many_rows, self.limits.rows))

    async def _execute(
        self, operation: Operation, context: Any, root_value: Any, slices: Slices | None
    ) -> Answer:
        if operation.type is OperationType.SUBSCRIPTION:
            raise bad_request("Subscriptions need a WebSocket.")
        executor = self._executor(operation, context, root_value)
        executor.slices = slices
        reads = executor.shape.reads
        was_single = reads.are_single
        result = await _settled(executor.execute_operation())
        if was_single and result.errors:
            await context.close()  # counts the reads
            if not reads.are_single:
                executor = self._executor(operation, context, root_value)
                executor.slices = slices
                result = await _settled(executor.execute_operation())
        return self.answers.of(result, operation.request_id)

    async def open(
        self, operation: Operation, context: Any, *, root_value: Any = None
    ) -> Subscription | Answer:
        """The open subscription, or `{"errors": …}` if its source could not be opened."""
        if operation.type is not OperationType.SUBSCRIPTION:
            raise bad_request("The operation is not a subscription.")
        executor = self._executor(operation, context, root_value)
        stream = create_source_event_stream(executor)
        if isawaitable(stream):
            stream = await stream
        if isinstance(stream, ExecutionResult):
            errors = cast(list[GraphQLError], stream.errors)
            return {"errors": self.answers.errors(errors, operation.request_id)}
        return Subscription(aiter(stream), executor, self.answers, operation.request_id)

    async def subscribe(
        self, operation: Operation, context: Any, *, root_value: Any = None
    ) -> AsyncIterator[Answer] | Answer:
        """An iterator of responses, one per event, or `{"errors": …}`; close it with `aclose()`.

        An exception of the source ends the iterator with a last response that contains its error.
        """
        opened = await self.open(operation, context, root_value=root_value)
        return _answers_of(opened) if isinstance(opened, Subscription) else opened

    def _executor(self, operation: Operation, context: Any, root_value: Any) -> Executor:
        return build_executor(
            operation.document,
            operation.variables,
            context,
            root_value,
            hide_suggestions=self.documents.hide_suggestions,
            compiled=self._compiled,
        )


def _with_cost(body: bytes, charge: OperationCharge | None) -> bytes:
    """A response with `extensions.cost`; what the answer does not show is given back before."""
    if charge is None:
        return body
    charge.settle(len(body))
    return b'%b,"extensions":{"cost":%b}}' % (body[:-1], charge.as_json())


async def _answers_of(subscription: Subscription) -> AsyncIterator[Answer]:
    source = subscription.source
    try:
        async for event in source:
            yield await subscription.respond(event)
    except Exception as error:  # noqa: BLE001  the client must learn that the stream has ended
        refused = subscription.answers.failure(error, subscription.request_id)
        yield {"errors": refused.errors}
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


async def _settled(result: Any) -> ExecutionResult:
    if isawaitable(result):
        result = await result
    return cast(ExecutionResult, result)
