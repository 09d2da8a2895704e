"""A document of each member of a COUNT policy, and mistakes with the paths that they name."""

from typing import Any, Final

from tests.domain.policies.fulfillment_documents import MISSING

DOCUMENT: Final[dict[str, Any]] = {
    "blind": True,
    "recountAbove": {"units": 2, "value": {"GBP": "50.00"}},
    "cycle": {"A": "P30D", "B": "P90D", "C": "P365D", "perDay": 50},
}

# path at which a value is put, the value, and the path that the error must name
MISTAKES: Final[list[tuple[str, Any, str]]] = [
    ("colour", 1, "rules.colour"),
    ("blind", "yes", "rules.blind"),
    ("blind", None, "rules.blind"),
    ("recountAbove", None, "rules.recountAbove"),
    ("recountAbove.units", -1, "rules.recountAbove.units"),
    ("recountAbove.units", "2", "rules.recountAbove.units"),
    ("recountAbove.value", {}, "rules.recountAbove.value"),
    ("recountAbove.value.GBP", 50, "rules.recountAbove.value.GBP"),
    ("recountAbove.colour", 1, "rules.recountAbove.colour"),
    ("cycle.A", "P0D", "rules.cycle.A"),
    ("cycle.B", MISSING, "rules.cycle.B"),
    ("cycle.D", "P1D", "rules.cycle.D"),
    ("cycle.perDay", 0, "rules.cycle.perDay"),
    ("cycle.perDay", MISSING, "rules.cycle.perDay"),
]
