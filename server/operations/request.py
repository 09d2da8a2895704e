"""Requests: parsing of (query, variables, operationName); malformed input is refused.

orjson decodes JSON. It refuses invalid UTF-8, lone surrogates, NaN, numbers beyond a double, and
nesting beyond 1,024 levels. NUL characters, which PostgreSQL cannot store, are refused here.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from server.operations.errors import bad_request

PARAMETERS_MAX = 16
_ESCAPED_NUL = b"\\u0000"


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A well-formed request of a client, not yet parsed as GraphQL.

    `document_id` names a persisted document; its text is not known yet. `introspects`: its caller
    may read the schema.
    """

    query: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    document_id: str | None = None
    introspects: bool = False


def decode_json(body: bytes | str) -> Any:
    """The JSON value in `body`. Raises BAD_REQUEST if it is invalid or a text contains NUL."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The first line of the message has cause and position; the rest may quote the body.
        raise bad_request(f"The body is not valid JSON: {_one_line(error.msg)}.") from None
    if (_ESCAPED_NUL in body) if isinstance(body, bytes) else ("\\u0000" in body):
        _refuse_nul(value)
    return value


def request_of(payload: Any) -> GraphQLRequest:
    """The request in a decoded JSON payload (HTTP body, or a WebSocket subscribe message)."""
    if isinstance(payload, list):
        raise bad_request("Batches of operations are not supported: send one operation.")
    if not isinstance(payload, dict):
        raise bad_request("The body must be a JSON object with a query.")
    query, document_id = _document(payload)
    operation_name = payload.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise bad_request("The parameter operationName must be a string or null.")
    _map(payload.get("extensions"), "extensions")
    return GraphQLRequest(
        query, _map(payload.get("variables"), "variables"), operation_name or None, document_id
    )


def _document(payload: dict[str, Any]) -> tuple[str, str | None]:
    """The text of a document, or an empty text and the id of a persisted one."""
    query, document_id = payload.get("query"), payload.get("documentId")
    if document_id is not None:
        if not isinstance(document_id, str):
            raise bad_request("The parameter documentId must be a string or null.")
        if query is not None:
            raise bad_request("Send either query or documentId, not both.")
        return "", document_id
    if not isinstance(query, str):
        raise bad_request("The parameter query must be a string.")
    if not query or query.isspace():
        raise bad_request("The parameter query is empty.")
    return query, None


def request_of_query_string(query_string: bytes) -> GraphQLRequest:
    """The request in the URL of a GET; variables and extensions are in JSON."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError:  # also invalid UTF-8 and too many fields
        raise bad_request("The URL's query string is malformed.") from None
    parameters: dict[str, Any] = {}
    for name, value in pairs:
        if name in parameters:
            raise bad_request(f"The parameter {name[:40]} is given twice.")
        if "\x00" in value:
            raise bad_request("Text must not contain NUL characters.")
        parameters[name] = value
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = decode_json(parameters[name])
        else:
            parameters.pop(name, None)
    return request_of(parameters)


def _map(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"The parameter {name} must be an object or null.")
    return value


def _refuse_nul(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "\x00" in item:
                place = _place_of(item, value)
                raise bad_request(f"{place}Text must not contain NUL characters.")
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _place_of(text: str, value: Any) -> str:
    """The place of a text in a request, for people: `variables.input.lines.0.sku: `."""
    stack: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while stack:
        path, item = stack.pop()
        if item is text:
            return f"{'.'.join(path)}: "[:200]
        if isinstance(item, dict):
            stack.extend(((*path, name[:40]), each) for name, each in item.items())
        elif isinstance(item, list):
            stack.extend(((*path, str(index)), each) for index, each in enumerate(item))
    return ""  # the text is a name, not a value


def _one_line(message: str) -> str:
    return message.splitlines()[0][:120].rstrip(".") if message else "it cannot be read"
