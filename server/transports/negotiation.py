"""Content negotiation: media types of responses and of request bodies."""

from functools import lru_cache

from server.operations.errors import RequestRefused, bad_request

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"

# GraphQL over HTTP: without an Accept header the response is application/json, with the status
# codes of older clients.
_RANGES = {
    GRAPHQL_RESPONSE: GRAPHQL_RESPONSE,
    JSON: JSON,
    "application/*": JSON,
    "*/*": JSON,
}
HEADER_LENGTH_MAX = 1_000


def response_type(accept: str | None) -> str:
    """The media type of the response. Raises RequestRefused (406).

    The order of preference: higher q, then the more specific range, then
    `application/graphql-response+json`.
    """
    if not accept or len(accept) > HEADER_LENGTH_MAX:
        return JSON
    found = _negotiated(accept)
    if found is None:
        raise bad_request(
            f"The response can be {GRAPHQL_RESPONSE} or {JSON}; Accept allows neither.", 406
        )
    return found


def accepts_events(accept: str | None) -> bool:
    """True if the response may be streamed as server-sent events."""
    return accept is not None and any(
        media_type == EVENT_STREAM and quality > 0
        for media_type, quality in _parsed(accept[:HEADER_LENGTH_MAX])
    )


def accepts_html(accept: str | None) -> bool:
    """True for a browser that requests a page."""
    return accept is not None and any(
        media_type == "text/html" for media_type, _ in _parsed(accept[:HEADER_LENGTH_MAX])
    )


def check_content_type(header: str | None) -> None:
    """Check for a JSON body in UTF-8. Raises RequestRefused (415)."""
    if header == JSON:
        return
    if header is None:
        raise _unsupported("The request has no Content-Type")
    media_type, _, rest = header.partition(";")
    if media_type.strip().lower() != JSON:
        raise _unsupported("The Content-Type is not supported")
    for parameter in rest.split(";"):
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in ("utf-8", "utf8"):
            raise _unsupported("The charset is not supported")


def _unsupported(what: str) -> RequestRefused:
    return bad_request(f"{what}: send {JSON} in UTF-8.", 415)


@lru_cache(maxsize=256)
def _negotiated(accept: str) -> str | None:
    order = list(_RANGES)
    best: tuple[float, int] | None = None
    refused = set()
    for media_range, quality in _parsed(accept):
        if media_range not in _RANGES:
            continue
        if quality <= 0:
            refused.add(media_range)
            continue
        rank = (quality, -order.index(media_range))
        if best is None or rank > best:
            best = rank
    if best is None:
        return None
    media_type = _RANGES[order[-best[1]]]
    return GRAPHQL_RESPONSE if media_type in refused else media_type


@lru_cache(maxsize=256)
def _parsed(accept: str) -> tuple[tuple[str, float], ...]:
    ranges = []
    for item in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        ranges.append((media_range, quality))
    return tuple(ranges)
