"""Refusals: a request, or an operation, that is answered by top-level errors alone.

RequestRefused            one error, with the HTTP status that goes with its code
└── DocumentRefused       the errors of a document that cannot run, or of its variables
"""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError

BAD_REQUEST = "BAD_REQUEST"
INTERNAL = "INTERNAL"
UNAUTHENTICATED = "UNAUTHENTICATED"


class RequestRefused(Exception):
    """The whole request is refused: `code` for programs, `status` for HTTP, one sentence.

    `headers` go out with the HTTP answer (`WWW-Authenticate`, `Retry-After`, `Allow`), `details`
    are facts that join `extensions` beside the code.
    """

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.details = dict(details or {})

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The GraphQL errors as they are sent."""
        return [{"message": self.message, "extensions": {**self.details, "code": self.code}}]


class DocumentRefused(RequestRefused):
    """A well-formed request whose document or variables do not stand: BAD_REQUEST throughout.

    Answered with 400, or with 200 where the client accepts only `application/json`, whose rules
    keep 4xx for requests that are not GraphQL at all.
    """

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(BAD_REQUEST, 400, errors[0].message)
        self._errors = [
            {**error.formatted, "extensions": {**(error.extensions or {}), "code": BAD_REQUEST}}
            for error in errors
        ]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The GraphQL errors as they are sent, with their locations."""
        return self._errors


def bad_request(message: str, status: int = 400, **headers: str) -> RequestRefused:
    """A BAD_REQUEST with `message`; keyword arguments are HTTP headers."""
    return RequestRefused(BAD_REQUEST, status, message, headers=headers)
