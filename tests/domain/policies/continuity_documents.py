"""A document of each member of a CONTINUITY policy, and mistakes with the paths that they name."""

from typing import Any, Final

DOCUMENT: Final[dict[str, Any]] = {
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
        "RECALL": {"STOP_SALE": True, "QUARANTINE": True, "endBy": "OTHER"},
        "FEW": {"BUFFER": 3, "CAP_LOCATION": 0, "DELAY_PROMISES": 2},
    },
}

# path at which a value is put, the value, and the path that the error must name
MISTAKES: Final[list[tuple[str, Any, str]]] = [
    ("colour", 1, "rules.colour"),
    ("health", None, "rules.health"),
    ("health.downErrorRate", 1.5, "rules.health.downErrorRate"),
    ("health.downErrorRate", 0.05, "rules.health.downErrorRate"),
    ("health.failuresInARow", 0, "rules.health.failuresInARow"),
    ("health.slow", "PT0S", "rules.health.slow"),
    ("health.backlog", "2 minutes", "rules.health.backlog"),
    ("onDown.WEBHOOK", {"HOLD_REFUNDS": True}, "rules.onDown.WEBHOOK"),
    ("onDown.CARRIER", {"after": "PT1M"}, "rules.onDown.CARRIER"),
    ("onDown.CARRIER", {"QUARANTINE": True}, "rules.onDown.CARRIER.QUARANTINE"),
    ("onDown.CARRIER.MANUAL_LABELS", False, "rules.onDown.CARRIER.MANUAL_LABELS"),
    ("playbooks", [], "rules.playbooks"),
    ("playbooks.RECALL", {}, "rules.playbooks.RECALL"),
    ("playbooks.RECALL", {"endBy": "OTHER"}, "rules.playbooks.RECALL"),
    ("playbooks.RECALL.endBy", "SUE", "rules.playbooks.RECALL.endBy"),
    ("playbooks.RECALL.FLOOD", True, "rules.playbooks.RECALL.FLOOD"),
    ("playbooks.RECALL.STOP_SALE", "yes", "rules.playbooks.RECALL.STOP_SALE"),
    ("playbooks.FEW.BUFFER", True, "rules.playbooks.FEW.BUFFER"),
    ("playbooks.FEW.BUFFER", 0, "rules.playbooks.FEW.BUFFER"),
    ("playbooks.FEW.CAP_LOCATION", -1, "rules.playbooks.FEW.CAP_LOCATION"),
    ("playbooks.FEW.DELAY_PROMISES", 366, "rules.playbooks.FEW.DELAY_PROMISES"),
]
