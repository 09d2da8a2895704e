"""Responses: the conversion of execution results, and the classification of their errors.

An error caused by the client is sent unchanged, with a code. Any other error, including a domain
error that no resolver turned into data, is a defect of this program. It is sent as INTERNAL with
the request id and without details, and is logged once with its traceback. The reason of an
UNAVAILABLE, which the client does not see, is logged at most once a second.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError
from graphql.execution.values import get_argument_values
from strawberry.exceptions import StrawberryInputCoercionError

from server.operations.budgets import UNAVAILABLE
from server.operations.errors import BAD_REQUEST, INTERNAL, RequestRefused

logger = structlog.get_logger(__name__)

LOGGED_ERRORS_MAX = 10  # per response: one defective resolver may fail once per row
# While a database is away, every request is UNAVAILABLE.
UNAVAILABLE_LOGGED_SECONDS = 1.0

Translate = Callable[[Exception], RequestRefused | None]
Answer = dict[str, Any]


def encoded(answer: Any) -> bytes:
    """The JSON of a response. Instants that the projection left as objects are written in UTC with
    Z.
    """
    return orjson.dumps(answer, option=orjson.OPT_UTC_Z)


class Answers:
    """Builds responses. `translate` may turn an exception of a lower layer into a refusal.

    It is called with every exception that is neither a RequestRefused nor caused by the client; for
    example, an unavailable database becomes UNAVAILABLE. If it returns None, the error is INTERNAL.
    """

    def __init__(self, translate: Translate | None = None) -> None:
        self._translate = translate
        self._unlogged = 0  # UNAVAILABLE errors since the last line about them
        self._logged_at = -UNAVAILABLE_LOGGED_SECONDS

    def of(self, result: ExecutionResult, request_id: str) -> Answer:
        """The response of a result, `{"data"}` or `{"errors", "data"}`, ready to be encoded."""
        if not result.errors:
            return {"data": result.data}
        return {"errors": self.errors(result.errors, request_id), "data": result.data}

    def errors(self, errors: Sequence[GraphQLError], request_id: str) -> list[dict[str, Any]]:
        """The errors of an execution as they are sent. Internal errors are logged."""
        logged: set[int] = set()
        return [self._formatted(error, request_id, logged) for error in errors]

    def failure(self, error: Exception, request_id: str) -> RequestRefused:
        """The error to send for an exception outside of any field. Internal errors are logged."""
        refused = self._refusal(error)
        if refused is not None:
            return refused
        _log(error, request_id, None)
        return RequestRefused(
            INTERNAL, 500, _internal_message(request_id), details={"requestId": request_id}
        )

    def _formatted(self, error: GraphQLError, request_id: str, logged: set[int]) -> dict[str, Any]:
        formatted: dict[str, Any] = {**error.formatted}
        cause = _cause(error)
        refused = self._refusal(cause) if cause is not None else None
        if refused is not None:
            formatted["message"] = refused.message
            formatted["extensions"] = {**refused.details, "code": refused.code}
        elif cause is None or _is_clients_mistake(cause):
            formatted["extensions"] = {"code": BAD_REQUEST, **(error.extensions or {})}
        else:
            if id(cause) not in logged and len(logged) < LOGGED_ERRORS_MAX:
                logged.add(id(cause))
                _log(cause, request_id, error.path)
            formatted["message"] = _internal_message(request_id)
            formatted["extensions"] = {"code": INTERNAL, "requestId": request_id}
        return formatted

    def _refusal(self, error: Exception) -> RequestRefused | None:
        if isinstance(error, RequestRefused):
            return error
        if self._translate is None or isinstance(error, GraphQLError):
            return None
        refused = self._translate(error)
        if refused is not None and refused.code == UNAVAILABLE:
            self._log_unavailable(error)
        return refused

    def _log_unavailable(self, error: Exception) -> None:
        self._unlogged += 1
        now = time.monotonic()
        if now - self._logged_at < UNAVAILABLE_LOGGED_SECONDS:
            return
        logger.warning(
            "request.unavailable",
            error=repr(error),
            cause=repr(error.__cause__),
            errors=self._unlogged,
        )
        self._unlogged, self._logged_at = 0, now


def _cause(error: GraphQLError) -> Exception | None:
    """The innermost exception that was raised; None for an error made by graphql-core itself."""
    cause: Exception | None = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_clients_mistake(cause: Exception) -> bool:
    """True if an error in a field was caused by the client's input.

    A GraphQL error with a code is meant for the client. Without a code it is the client's if it
    came from arguments; otherwise a resolved value does not fit the schema.
    """
    if not isinstance(cause, GraphQLError):
        return False
    if cause.extensions and "code" in cause.extensions:
        return True
    if isinstance(cause, StrawberryInputCoercionError):
        return True
    traceback: TracebackType | None = cause.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code is get_argument_values.__code__:
            return True
        traceback = traceback.tb_next
    return False


def _log(error: Exception, request_id: str, path: Sequence[str | int] | None) -> None:
    facts: Mapping[str, Any] = {"request_id": request_id}
    if path:
        facts = {**facts, "path": ".".join(str(step) for step in path)}
    logger.error("graphql.internal_error", exc_info=error, **facts)


def _internal_message(request_id: str) -> str:
    return f"Internal error. Please report the request id {request_id}."
