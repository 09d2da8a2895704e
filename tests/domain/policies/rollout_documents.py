"""A document of each member of a ROLLOUT policy, and mistakes with the paths that they name."""

from typing import Any, Final

DOCUMENT: Final[dict[str, Any]] = {
    "domains": {"*": "LIVE", "ROUTING": "SHADOW", "REFUNDS": "OFF"},
    "require": {"cases": 50, "agreement": 0.95},
}

# path at which a value is put, the value, and the path that the error must name
MISTAKES: Final[list[tuple[str, Any, str]]] = [
    ("colour", 1, "rules.colour"),
    ("domains", None, "rules.domains"),
    ("domains", {}, "rules.domains"),
    ("domains", {"ROUTING": "LIVE", "RETURNS": "LIVE", "REFUNDS": "LIVE"}, "rules.domains"),
    ("domains.REFUNDS", "ON", "rules.domains.REFUNDS"),
    ("domains.*", None, "rules.domains.*"),
    ("domains.PRICES", "LIVE", "rules.domains.PRICES"),
    ("require", None, "rules.require"),
    ("require.cases", -1, "rules.require.cases"),
    ("require.cases", 1_000_001, "rules.require.cases"),
    ("require.cases", 2.5, "rules.require.cases"),
    ("require.agreement", 1.01, "rules.require.agreement"),
    ("require.agreement", "0.9", "rules.require.agreement"),
    ("require.units", 5, "rules.require.units"),
]
