"""Default policies of an empty database: version 1 of each kind, with global scope.

Their amounts are whole units of the base currency: 100 and 500 for refunds, 50 for write-downs
and counts.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from domain.policies.policies import PolicyKind
from domain.values.money import decimals_of

BASE_CURRENCY: Final = "GBP"
# Refunds have limits in these currencies, whatever the base currency is.
REFUND_CURRENCIES: Final = ("GBP", "EUR", "USD")


# It names no amounts.
_CONTINUITY: Final[Mapping[str, Any]] = {
    "health": {
        "degradedErrorRate": 0.1,
        "downErrorRate": 0.5,
        "failuresInARow": 5,
        "slow": "PT2S",
        "backlog": "PT2M",
    },
    "onDown": {
        "CHANNEL": {"after": "PT2M", "KEEP_SHOWN": 5},
        "PAYMENTS": {"HOLD_REFUNDS": True},
        "CARRIER": {"MANUAL_LABELS": True},
    },
    "playbooks": {
        "CARRIER_DISRUPTION": {"MANUAL_LABELS": True, "DELAY_PROMISES": 2},
        "LOCATION_CLOSURE": {"CLOSE_LOCATION": True},
        "LOCATION_CAPACITY": {"CAP_LOCATION": 100},
        "RETURN_SPIKE": {"REVIEW_RETURNS": True, "HOLD_REFUNDS": True},
        "RECALL": {
            "STOP_SALE": True,
            "QUARANTINE": True,
            "HOLD_PARCELS": True,
            "HOLD_REFUNDS": True,
            "endBy": "OTHER",
        },
    },
}


def in_units(units: int, currency: str) -> str:
    """The text of an amount of whole units: 50 is `50.00` in GBP and `50` in JPY."""
    return f"{units:.{decimals_of(currency)}f}"


def _bands(currency: str) -> list[dict[str, object]]:
    return [
        {"upTo": in_units(100, currency), "approvers": 0},
        {"upTo": in_units(500, currency), "approvers": 1},
        {"upTo": None, "approvers": 2},
    ]


def _disposed(condition: str, disposition: str) -> dict[str, str]:
    return {"condition": condition, "reason": "*", "disposition": disposition}


def _lead_time(service_level: str, days: int) -> dict[str, object]:
    return {"serviceLevel": service_level, "from": "*", "to": "*", "days": days}


def default_rules(base_currency: str) -> Mapping[PolicyKind, Mapping[str, Any]]:
    """The rules of each kind, with the amounts in the base currency."""
    refund_currencies = dict.fromkeys((*REFUND_CURRENCIES, base_currency))
    return {
        PolicyKind.ROUTING: {
            "order": ["lead_time", "capacity", "one_parcel", "depth", "preference"],
            "maxParcels": 2,
            "leadTimes": [_lead_time("STANDARD", 2), _lead_time("EXPRESS", 1)],
        },
        PolicyKind.RETURN: {"window": "P30D", "reasons": ["*"], "finalSale": False},
        PolicyKind.DISPOSITION: {
            "table": [
                _disposed("NEW", "RESTOCK"),
                _disposed("LIKE_NEW", "RESTOCK"),
                _disposed("USED", "REFURBISH"),
                _disposed("DAMAGED", "QUARANTINE"),
                _disposed("COUNTERFEIT", "QUARANTINE"),
                _disposed("DEFECTIVE", "RETURN_TO_VENDOR"),
            ]
        },
        PolicyKind.REFUND: {
            "evidence": ["INSPECTED"],
            "deductions": {"USED": 0.2, "DAMAGED": 0.5},
            "approvalFor": ["COUNTERFEIT"],
            "restockingFee": 0.0,
            "refundShipping": "FULL_ORDER_ONLY",
            "tender": "ORIGINAL_PAYMENT",
            "bands": {currency: _bands(currency) for currency in refund_currencies},
        },
        PolicyKind.ADJUSTMENT: {"approvalAbove": {base_currency: in_units(50, base_currency)}},
        PolicyKind.EXCEPTION: {
            "kinds": {
                "REFUND_OVERDUE": {
                    "severity": "HIGH",
                    "ownerRole": "FINANCE",
                    "due": "PT24H",
                    "escalateTo": "ADMIN",
                }
            }
        },
        PolicyKind.FULFILLMENT: {"holds": [], "carriers": [], "labelOnPack": False},
        PolicyKind.COUNT: {
            "blind": True,
            "recountAbove": {"units": 2, "value": {base_currency: in_units(50, base_currency)}},
            "cycle": None,
        },
        PolicyKind.CONTINUITY: _CONTINUITY,
        PolicyKind.ROLLOUT: {
            "domains": {"*": "LIVE"},
            "require": {"cases": 0, "agreement": 0.0},
        },
    }


DEFAULT_RULES: Final[Mapping[PolicyKind, Mapping[str, Any]]] = MappingProxyType(
    default_rules(BASE_CURRENCY)
)
