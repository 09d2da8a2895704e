"""The executor: graphql-core's walk over one operation, for resolvers built by Strawberry."""

from typing import Any, cast

import graphql.execution
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution import default_field_resolver, default_type_resolver
from graphql.execution.executor import StreamUsage
from graphql.execution.values import VariableValues
from graphql.language import FieldNode
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution.documents import Document


class Executor(graphql.execution.Executor[None]):
    """One execution. Without `@defer` and `@stream`, which the schema does not have."""

    operation_extensions: dict[str, Any] | None = None

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
        """None: looking for @stream on every list is work for nothing."""
        return None


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
    return Executor(
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
