"""The executor: runs one operation with graphql-core, and plain parts with generated code.

server/projection explains plain parts. Two steps of graphql-core first check for generated code:
the completion of a field's value, and the execution of an object's fields.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from inspect import isawaitable, iscoroutine
from typing import Any, cast

import graphql.execution
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    OperationType,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution import default_field_resolver, default_type_resolver
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.executor import StreamUsage
from graphql.execution.values import VariableValues
from graphql.language import FieldNode
from graphql.pyutils import AwaitableOrValue, Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from server.operations.documents import Document
from server.operations.errors import RequestRefused
from server.operations.root_fields import RootField, prepared_root_field
from server.operations.shapes import shape_of
from server.projection.codegen import compile_object, compile_value
from server.projection.plans import Projection, Shape, Waits, is_waiting
from server.projection.slices import Abandonable, Slices

_UNDECIDED: Any = object()


class Executor(graphql.execution.Executor[None]):
    """One execution. Without `@defer` and `@stream`, which the schema does not have."""

    operation_extensions: dict[str, Any] | None = None
    shape: Shape
    # For tests and benchmarks: numbers of values and objects that generated code completed and gave
    # up.
    projected = 0
    walked_again = 0
    # Large operations run in slices; None: this one is not large.
    slices: Slices | None = None

    def use_shape(self, shape: Shape) -> None:
        """Store derived data about the selection in `shape`."""
        self.shape = shape
        self._relevant_sub_fields = shape.subfields

    def build_resolve_info(
        self,
        field_def: GraphQLField,
        field_nodes: list[FieldNode],
        parent_type: GraphQLObjectType,
        path: Path,
    ) -> GraphQLResolveInfo[Any]:
        """The info that Strawberry's resolvers expect."""
        build = StrawberryGraphQLCoreExecutionContext.build_resolve_info
        return build(cast(Any, self), field_def, field_nodes, parent_type, path)

    def get_stream_usage(self, *_: Any) -> StreamUsage | None:
        """None, which skips the search for @stream on every list."""
        return None

    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: GroupedFieldSet,
        serially: bool,
        new_defer_usages: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Execute the root fields of the shape, so that its stored data is found by identity."""
        root = self.shape.root
        if root is None:
            root = self.shape.root = grouped_field_set
        return super().execute_collected_root_fields(
            root_type, root_value, root, serially, new_defer_usages
        )

    def execute_operation(self, serially: bool | None = None) -> AwaitableOrValue[Any]:
        """Execute the operation. The root fields of a query are collected once per shape."""
        root = self.shape.root
        if root is None or self.operation.operation is not OperationType.QUERY:
            return super().execute_operation(serially)
        query_type = cast(GraphQLObjectType, self.schema.query_type)
        try:
            data = self.execute_fields(query_type, self.root_value, None, root, None)
        except GraphQLError as error:
            return self._failed(error)
        return self._response(data) if isawaitable(data) else self.build_response(data)

    async def _response(self, data: Awaitable[dict[str, Any]]) -> Any:
        try:
            return self.build_response(await data)
        except GraphQLError as error:
            return self._failed(error)

    def _failed(self, error: GraphQLError) -> Any:
        """The response without data: an error has propagated to the root."""
        self.collected_errors.add(error, None)
        return self.build_response(None)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: None,
    ) -> AwaitableOrValue[Any]:
        """Execute a field; a prepared root field needs no coercion of its arguments."""
        field = self._root_field(parent_type, field_details_list) if path.prev is None else None
        arguments = None if field is None else field.arguments(self.variable_values.coerced)
        if field is None or arguments is None:
            return super().execute_field(
                parent_type, source, field_details_list, path, position_context
            )
        definition = field.definition
        info = self.build_resolve_info(definition, field.nodes, parent_type, path)
        resolve: Any = definition.resolve
        return self.complete_awaitable_value(
            definition.type,
            field_details_list,
            info,
            path,
            resolve(source, info, **arguments),
            position_context,
        )

    def _root_field(self, parent: GraphQLObjectType, details: FieldDetailsList) -> RootField | None:
        fields = self.shape.root_fields
        field = fields.get(id(details), _UNDECIDED)
        if field is _UNDECIDED:
            field = None
            if self.shape.compiles:
                field = fields[id(details)] = prepared_root_field(self.schema, parent, details)
        return cast("RootField | None", field)

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: None,
    ) -> AwaitableOrValue[Any]:
        """Complete a value at once if all of its selection is plain."""
        if field_details_list[0].node.selection_set is not None:
            values = self.shape.values
            key = (id(field_details_list), return_type)
            project = values.get(key, _UNDECIDED)
            if project is _UNDECIDED:
                project = None
                if self.shape.compiles:
                    project = compile_value(self, return_type, field_details_list)
                    values[key] = project
                    if project is not None and path.prev is None:
                        self.shape.selections[str(path.key)] = project.selection
            if project is not None:
                whole = (return_type, field_details_list, info, path, result, position_context)
                if self.slices is not None:
                    walk = partial(super().complete_value, *whole)
                    return Abandonable(self._project_in_slices(self.slices, project, result, walk))
                is_root = path.prev is None
                waits = project.waits_beside(self.context_value) if is_root else project.waits()
                try:
                    completed = project.project(result, waits)
                except Exception:  # noqa: BLE001  graphql-core reports the error with its path
                    self.walked_again += 1
                else:
                    if not is_waiting(waits):
                        self.projected += 1
                        return completed
                    walk = partial(super().complete_value, *whole)
                    return self._follow(project, completed, waits, walk)
        completed = super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )
        if self.slices is not None and iscoroutine(completed):
            return Abandonable(completed)
        return completed

    def complete_awaitable_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: None,
    ) -> Coroutine[Any, Any, Any]:
        """Complete the value of an awaitable, which may be abandoned in a large operation."""
        if self.slices is not None and iscoroutine(result):
            result = Abandonable(result)
        return super().complete_awaitable_value(
            return_type, field_details_list, info, path, result, position_context
        )

    async def _follow(
        self, projection: Projection, completed: Any, waits: Waits, walk: Callable[[], Any]
    ) -> Any:
        """The completed value, once all edges in it are followed."""
        try:
            await projection.follow(waits, self.context_value)
        except Exception:  # noqa: BLE001  graphql-core reports the error with its path
            self.walked_again += 1
            walked = walk()
            return await walked if isawaitable(walked) else walked
        self.projected += 1
        return completed

    async def _project_in_slices(
        self, slices: Slices, projection: Projection, result: Any, walk: Callable[[], Any]
    ) -> Any:
        """The completed value of a large operation."""
        try:
            completed = await slices.complete(projection, result, self.context_value)
        except RequestRefused:  # too many rows
            raise
        except Exception:  # noqa: BLE001  graphql-core reports the error with its path
            self.walked_again += 1
            walked = walk()
            return await walked if isawaitable(walked) else walked
        self.projected += 1
        return completed

    def complete_iterable_value(
        self,
        item_type: GraphQLOutputType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        items: Iterable[Any],
        position_context: None,
    ) -> AwaitableOrValue[list[Any]]:
        """Complete a list; one of a large operation with pauses between its elements."""
        complete = super().complete_iterable_value
        if self.slices is None or is_leaf_type(get_nullable_type(item_type)):
            return complete(item_type, field_details_list, info, path, items, position_context)
        return self.complete_async_iterator_value(
            item_type, field_details_list, info, path, self.slices.paced(items), position_context
        )

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: None,
    ) -> AwaitableOrValue[dict[str, Any]]:
        """Execute the fields of an object: plain ones at once, others by graphql-core."""
        objects = self.shape.objects
        key = (id(grouped_field_set), parent_type)
        plan = objects.get(key, _UNDECIDED)
        if plan is _UNDECIDED:
            plan = None
            if self.shape.compiles:
                plan = objects[key] = compile_object(self, parent_type, grouped_field_set)
        if plan is None:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        try:
            completed: dict[str, Any] = plan.project(source_value, ())
        except Exception:  # noqa: BLE001  graphql-core reports the error with its path
            self.walked_again += 1
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        self.projected += 1
        if not plan.rest:
            return completed
        rest = super().execute_fields(parent_type, source_value, path, plan.rest, None)
        if isawaitable(rest):
            return _joined(completed, rest)
        completed.update(rest)
        return completed


async def _joined(completed: dict[str, Any], rest: Any) -> dict[str, Any]:
    completed.update(await rest)
    return completed


def build_executor(
    document: Document,
    variables: VariableValues,
    context: Any,
    root_value: Any,
    *,
    hide_suggestions: bool = False,
    compiled: bool = True,
) -> Executor:
    """An executor for one run of `document` with coerced `variables`."""
    executor = Executor(
        document.schema,
        document.fragment_definitions,
        document.fragments,
        root_value,
        context,
        document.operation,
        variables,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        is_awaitable=cast(Any, optimized_is_awaitable),
        hide_suggestions=hide_suggestions,
    )
    executor.use_shape(shape_of(document, variables) if compiled else Shape(compiles=False))
    if context is not None:
        context.selections = executor.shape.selections
        # Before its selections are known, an operation may need more reads.
        if executor.shape.selections and document.operation_type is OperationType.QUERY:
            context.shape_reads = executor.shape.reads
    return executor
