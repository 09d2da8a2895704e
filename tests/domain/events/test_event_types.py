"""Every type of event is listed, recorded, visible and documented."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.access.callers import Role, holder
from domain.access.permissions import EVENT_NOUNS, PERMISSIONS
from domain.events.event_types import EVENTS, permission_of
from domain.events.former import FORMER_TYPES, current_data, stored_types
from domain.events.integrations.systems import STATUS_EVENTS
from domain.events.payloads import EventPayload, decode, encode, fields_of, json_key
from domain.events.refunds import REFUND_STATUS_EVENTS
from domain.events.returns import ReturnUnidentified, UnidentifiedUnits
from domain.events.visibility import may_see_event
from scripts.event_reference import reference

ROOT = Path(__file__).parent.parent.parent.parent
# Events that a workflow records by the new status, with the name of the mapping.
BY_STATUS = {
    "REFUND_STATUS_EVENTS": {payload.__name__ for payload in REFUND_STATUS_EVENTS.values()},
    "STATUS_EVENTS": {payload.__name__ for payload in STATUS_EVENTS.values()},
}


def _declared() -> Iterator[type[EventPayload]]:
    """The payload classes that have a type of their own."""
    for path in (ROOT / "domain" / "events").rglob("*.py"):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for _, each in inspect.getmembers(module, inspect.isclass):
            if issubclass(each, EventPayload) and "type" in vars(each) and each is not EventPayload:
                yield each


def _constructed() -> set[str]:
    """Names that the workflows use, except where they declare the reactions."""
    names = set()
    for path in (ROOT / "workflows").rglob("*.py"):
        if path.name != "reactions.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for mapping, events in BY_STATUS.items():
        names |= events if mapping in names else set()
    return names


def test_every_declared_event_is_listed_once() -> None:
    assert set(_declared()) == set(EVENTS.values())
    assert all(payload.type == name for name, payload in EVENTS.items())


def test_types_are_a_noun_and_a_past_tense() -> None:
    assert [name for name in EVENTS if not re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", name)] == []
    assert set(FORMER_TYPES.values()) <= set(EVENTS)
    assert set(FORMER_TYPES).isdisjoint(EVENTS)


def test_every_event_is_recorded_by_a_workflow() -> None:
    missing = {payload.__name__ for payload in EVENTS.values()} - _constructed()
    assert missing == set()


def test_every_event_has_a_permission_and_every_noun_an_event() -> None:
    assert {name.partition(".")[0] for name in EVENTS} == set(EVENT_NOUNS)
    assert {permission_of(payload) for payload in EVENTS.values()} <= PERMISSIONS


@pytest.mark.parametrize("role", Role)
def test_a_role_sees_the_events_that_the_reference_lists_for_it(role: Role) -> None:
    table = reference().partition("## Permissions")[2]
    shown = {line.split("`")[1] for line in table.splitlines() if re.search(rf"\b{role}\b", line)}
    caller = holder(role, actor="ann")
    for payload in EVENTS.values():
        is_listed = permission_of(payload) in shown
        assert may_see_event(caller, payload.type, None, "LEEDS", "bob", {}) is is_listed


def test_the_reference_is_up_to_date_and_names_every_event_and_key() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert page == reference()
    for payload in EVENTS.values():
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{payload.type}` |")]
        assert f"`{permission_of(payload)}`" in row
        assert all(f"`{each.key}`" in row for each in fields_of(payload))


@pytest.mark.parametrize("payload", EVENTS.values(), ids=EVENTS)
def test_keys_are_camel_case_and_documented(payload: type[EventPayload]) -> None:
    keys = [each.key for each in fields_of(payload)]
    assert [key for key in keys if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", key)] == []
    assert len(set(keys)) == len(keys)
    assert inspect.getdoc(payload)
    assert set(payload.scoped_by) <= {"channel", "location"}


def test_names_become_keys() -> None:
    names = ("sku", "order_line", "return_", "from_", "ship_by")
    assert [json_key(name) for name in names] == ["sku", "orderLine", "return", "from", "shipBy"]


def test_a_payload_with_parts_is_stored_and_read() -> None:
    units = UnidentifiedUnits(sku="TEE", quantity=2)
    payload = ReturnUnidentified(return_=None, location="LEEDS", items=(units,))
    data = encode(payload)
    assert data == {
        "return": None,
        "location": "LEEDS",
        "items": [{"sku": "TEE", "quantity": 2}],
    }
    assert decode(ReturnUnidentified, data) == payload
    del data["return"]  # a nullable key may be absent, another one may not
    assert decode(ReturnUnidentified, data) == payload
    del data["location"]
    with pytest.raises(KeyError):
        decode(ReturnUnidentified, data)


def test_payloads_of_earlier_versions_get_todays_keys() -> None:
    assert current_data("stock.changed", {"safety_stock": 1, "quality_control": 2, "held": 3}) == {
        "safetyStock": 1,
        "qualityControl": 2,
        "held": 3,
    }
    items = [{"id": "1", "order_line": None}]
    assert current_data("return.received", {"items": items}) == {
        "items": [{"id": "1", "orderLine": None}]
    }
    changed = ["price_currency", "price_minor", "supplier_id", "title"]
    assert current_data("item.upserted", {"changed": changed}) == {
        "changed": ["price", "supplier", "title"]
    }
    for data in ({"safetyStock": 1}, {"items": [{"orderLine": None}]}, {"changed": ["price"]}):
        for event_type in ("stock.changed", "return.received", "item.upserted", "order.placed"):
            assert current_data(event_type, data) == data


def test_a_filter_finds_former_types_too() -> None:
    assert stored_types(["return.inspection_recorded", "order.placed"]) == [
        "order.placed",
        "return.inspection_recorded",
        "return.looked_at",
    ]
