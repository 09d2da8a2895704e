"""Default policies of an empty database: version 1 of each kind, with global scope.

Migrations install them (m0002_defaults); this module states them for the rules and for tests.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from domain.policies.policies import PolicyKind

_BANDS: Final = [
    {"upTo": "100.00", "approvers": 0},
    {"upTo": "500.00", "approvers": 1},
    {"upTo": None, "approvers": 2},
]


def _disposed(condition: str, disposition: str) -> dict[str, str]:
    return {"condition": condition, "reason": "*", "disposition": disposition}


def _lead_time(service_level: str, days: int) -> dict[str, object]:
    return {"serviceLevel": service_level, "from": "*", "to": "*", "days": days}


DEFAULT_RULES: Final[Mapping[PolicyKind, Mapping[str, Any]]] = MappingProxyType(
    {
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
            "bands": {"GBP": _BANDS, "EUR": _BANDS, "USD": _BANDS},
        },
        PolicyKind.ADJUSTMENT: {"approvalAbove": {"GBP": "50.00"}},
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
    }
)
