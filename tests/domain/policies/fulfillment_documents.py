"""A FULFILLMENT policy with every key, and mistakes in it."""

from typing import Any

MISSING: Any = object()
DOCUMENT: dict[str, Any] = {
    "holds": [
        {
            "reason": "FRAUD_RISK",
            "when": {
                "totalAbove": {"GBP": "500.00"},
                "unpaid": True,
                "missing": ["postalCode", "phone"],
            },
            "for": "PT30M",
        },
        {"reason": "OTHER", "for": "PT15M"},
    ],
    "carriers": [
        {"serviceLevel": "EXPRESS", "carrier": "dhl", "service": "X"},
        {"serviceLevel": "STANDARD", "carrier": "post"},
    ],
    "labelOnPack": True,
}

# path at which a value is put, the value, and the path that the error must name
MISTAKES: list[tuple[str, Any, str]] = [
    ("holds", {}, "rules.holds"),
    ("holds", [{"reason": "OTHER"}] * 2, "rules.holds[1]"),
    ("holds.0.reason", MISSING, "rules.holds[0].reason"),
    ("holds.0.reason", "WEATHER", "rules.holds[0].reason"),
    ("holds.0.for", "PT0S", "rules.holds[0].for"),
    ("holds.0.for", None, "rules.holds[0].for"),
    ("holds.0.when", None, "rules.holds[0].when"),
    ("holds.0.when.colour", "red", "rules.holds[0].when.colour"),
    ("holds.0.when.totalAbove", None, "rules.holds[0].when.totalAbove"),
    ("holds.0.when.totalAbove", {}, "rules.holds[0].when.totalAbove"),
    ("holds.0.when.totalAbove.GBP", 500, "rules.holds[0].when.totalAbove.GBP"),
    ("holds.0.when.unpaid", "yes", "rules.holds[0].when.unpaid"),
    ("holds.0.when.missing", [], "rules.holds[0].when.missing"),
    ("holds.0.when.missing.1", "postalCode", "rules.holds[0].when.missing[1]"),
    ("holds.0.when.missing.0", "zip", "rules.holds[0].when.missing[0]"),
    ("carriers.0.carrier", MISSING, "rules.carriers[0].carrier"),
    ("carriers.0.service", "", "rules.carriers[0].service"),
    ("carriers.1.serviceLevel", "express", "rules.carriers[1]"),
    ("labelOnPack", None, "rules.labelOnPack"),
]
