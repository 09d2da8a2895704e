"""JSON Schemas of events describe what is stored: every recorded payload is valid."""

import pytest

from domain.events.event_types import EVENTS
from domain.events.json_schemas import payload_schema
from domain.events.payloads import fields_of
from tests.json_schema import is_valid


@pytest.mark.parametrize("name", EVENTS)
def test_a_schema_has_each_key_of_the_payload(name: str) -> None:
    schema = payload_schema(EVENTS[name])
    fields = fields_of(EVENTS[name])
    assert list(schema["properties"]) == [each.key for each in fields]
    assert schema["required"] == [each.key for each in fields if not each.is_nullable]
    assert not is_valid(schema, None)
    assert is_valid(schema, {}) is not bool(schema["required"])
    for key in schema["required"]:
        assert not is_valid(schema, {key: object()})
