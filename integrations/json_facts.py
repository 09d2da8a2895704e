"""JSON objects from outside systems: bodies of answers and webhooks, read field by field.

Each function raises ValueError with the faulty field.
"""

from typing import Any

import orjson


def json_object(body: bytes) -> dict[str, Any]:
    """The object in a body."""
    try:
        facts = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(facts, dict):
        raise ValueError("the body is not a JSON object")
    return facts


def text_in(facts: dict[str, Any], name: str, longest: int) -> str | None:
    """The text of a field; None if it is null or absent.

    A long `reason` from outside is cut rather than refused.
    """
    value = facts.get(name)
    if value is None:
        return None
    # PostgreSQL cannot store NUL.
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{name} must be a text without NUL")
    if len(value) > longest:
        if name == "reason":
            return value[:longest]
        raise ValueError(f"{name} may have at most {longest} characters; it has {len(value)}")
    return value


def required_text(facts: dict[str, Any], name: str, longest: int) -> str:
    """The text of a field that must be there."""
    text = text_in(facts, name, longest)
    if not text:
        raise ValueError(f"{name} is missing")
    return text
