"""Exceptions for requests that get only top-level GraphQL errors.

RequestRefused            one error, with the HTTP status of its code
└── DocumentRefused       the errors of a document that cannot run, or of its variables
"""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError

BAD_REQUEST = "BAD_REQUEST"
INTERNAL = "INTERNAL"
UNAUTHENTICATED = "UNAUTHENTICATED"


class RequestRefused(Exception):
    """A refusal of the whole request: `code` for programs, `status` for HTTP, and one sentence.

    `headers` are sent with the HTTP response (`WWW-Authenticate`, `Retry-After`, `Allow`).
    `details` are added to `extensions` beside the code.
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
    """A refusal of an invalid document or invalid variables; the code is always BAD_REQUEST.

    The status is 400, or 200 if the client accepts only `application/json`, where 4xx is for
    requests that are not GraphQL.
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
