"""Version 2: default reason codes and policies of an empty database.

Amounts of the policies are whole units of the base currency, which an operator may choose. The
digest of this version is that of its statements for GBP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from domain.values.money import decimals_of
from models.migrations.dialect import Engine

REASONS: Mapping[str, Mapping[str, str]] = {
    "RETURN": {
        "UNWANTED": "No longer wanted",
        "TOO_SMALL": "Too small",
        "TOO_LARGE": "Too large",
        "NOT_AS_DESCRIBED": "Not as described",
        "WRONG_ITEM": "Wrong item sent",
        "DAMAGED_IN_TRANSIT": "Damaged in transit",
        "DEFECTIVE": "Does not work",
        "ARRIVED_LATE": "Arrived too late",
        "UNDELIVERED": "Could not be delivered",
        "OTHER": "Another reason",
    },
    "ADJUSTMENT": {
        "COUNT": "Counted",
        "FOUND": "Found",
        "LOST": "Lost",
        "DAMAGED": "Damaged",
        "THEFT": "Stolen",
        "EXPIRED": "Past its date",
        "QUALITY": "Held for a quality check",
        "CORRECTION": "Correction of a mistake",
    },
    "DECLINE": {
        "OUT_OF_WINDOW": "Past the return window",
        "NOT_RETURNABLE": "Not returnable",
        "ABUSE": "Repeated abuse of returns",
        "NO_EVIDENCE": "No evidence given",
    },
    "WRITE_OFF": {
        "SCRAPPED": "Scrapped",
        "LIQUIDATED": "Sold off below cost",
        "LOST_IN_TRANSIT": "Lost by the carrier",
    },
    "CANCELLATION": {
        "CUSTOMER_REQUEST": "Cancelled by the customer",
        "OUT_OF_STOCK": "Cannot be supplied",
        "FRAUD": "Suspected fraud",
        "DUPLICATE": "Placed twice",
        "OTHER": "Another reason",
    },
}

BASE_CURRENCY = "GBP"


def _in_units(units: int, currency: str) -> str:
    return f"{units:.{decimals_of(currency)}f}"


def _bands(currency: str) -> list[dict[str, object]]:
    return [
        {"upTo": _in_units(100, currency), "approvers": 0},
        {"upTo": _in_units(500, currency), "approvers": 1},
        {"upTo": None, "approvers": 2},
    ]


def _row(condition: str, disposition: str) -> dict[str, str]:
    return {"condition": condition, "reason": "*", "disposition": disposition}


def _lead_time(service_level: str, days: int) -> dict[str, object]:
    return {"serviceLevel": service_level, "from": "*", "to": "*", "days": days}


_RULES: Mapping[str, Mapping[str, Any]] = {
    "ROUTING": {
        "order": ["lead_time", "capacity", "one_parcel", "depth", "preference"],
        "maxParcels": 2,
        "leadTimes": [_lead_time("STANDARD", 2), _lead_time("EXPRESS", 1)],
    },
    "RETURN": {"window": "P30D", "reasons": ["*"], "finalSale": False},
    "DISPOSITION": {
        "table": [
            _row("NEW", "RESTOCK"),
            _row("LIKE_NEW", "RESTOCK"),
            _row("USED", "REFURBISH"),
            _row("DAMAGED", "QUARANTINE"),
            _row("COUNTERFEIT", "QUARANTINE"),
            _row("DEFECTIVE", "RETURN_TO_VENDOR"),
        ]
    },
    "REFUND": {
        "evidence": ["INSPECTED"],
        "deductions": {"USED": 0.2, "DAMAGED": 0.5},
        "approvalFor": ["COUNTERFEIT"],
        "restockingFee": 0.0,
        "refundShipping": "FULL_ORDER_ONLY",
        "tender": "ORIGINAL_PAYMENT",
        "bands": {},
    },
    "ADJUSTMENT": {"approvalAbove": {}},
    "EXCEPTION": {
        "kinds": {
            "REFUND_OVERDUE": {
                "severity": "HIGH",
                "ownerRole": "FINANCE",
                "due": "PT24H",
                "escalateTo": "ADMIN",
            }
        }
    },
}


def rules_in(base_currency: str) -> Mapping[str, Mapping[str, Any]]:
    """The default rules of each kind, with the amounts in the base currency."""
    refund_currencies = dict.fromkeys(("GBP", "EUR", "USD", base_currency))
    bands = {currency: _bands(currency) for currency in refund_currencies}
    limit = {base_currency: _in_units(50, base_currency)}
    return {
        **_RULES,
        "REFUND": {**_RULES["REFUND"], "bands": bands},
        "ADJUSTMENT": {"approvalAbove": limit},
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def statements(engine: Engine, base_currency: str = BASE_CURRENCY) -> Iterator[str]:
    """One row per reason code and per kind of policy; policies start at an instant in the past."""
    for kind, reasons in REASONS.items():
        for code, label in reasons.items():
            yield (
                "INSERT INTO reason_code (code, kind, label, active) VALUES "
                f"({_quoted(code)}, {_quoted(kind)}, {_quoted(label)}, TRUE)"
            )
    start = "'2000-01-01 00:00:00.000000+00:00'"
    for number, (kind, rules) in enumerate(rules_in(base_currency).items(), start=1):
        yield (
            "INSERT INTO policy (id, kind, scope, version, rules, effective_from_at, "
            f"published_by, published_at) VALUES ('00000000-0000-7000-8000-{number:012d}', "
            f"{_quoted(kind)}, 'global', 1, {_quoted(json.dumps(rules))}, {start}, 'system', "
            f"{start})"
        )
