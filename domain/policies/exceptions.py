"""EXCEPTION policy: replaces the default handling of kinds of exceptions, or switches kinds off."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.access.callers import Role
from domain.exceptions import KINDS, ExceptionKind, ExceptionSeverity, HandlingRule, KindRow
from domain.policies.reading import Members, Value


@dataclass(frozen=True, slots=True)
class ExceptionRules:
    """A parsed EXCEPTION policy."""

    kinds: Mapping[ExceptionKind, HandlingRule]

    def row(self, kind: ExceptionKind) -> HandlingRule:
        """Handling of this kind: the policy's row, or the default if it has none."""
        return self.kinds.get(kind) or KINDS[kind].handling


def parse(rules: Value) -> ExceptionRules:
    """Parse an EXCEPTION document; raises its faults with their paths."""
    return rules.record(lambda members: ExceptionRules(members.read("kinds", _kinds)), "kinds")


def _kinds(value: Value) -> dict[ExceptionKind, HandlingRule]:
    return {ExceptionKind(name): row for name, row in value.entries(_row).items()}


def _row(name: str, value: Value) -> HandlingRule:
    """The handling of a kind. A kind that is off needs no other member."""
    if name not in set(ExceptionKind):
        value.refuse(f"is not a kind of exception; allowed are {', '.join(ExceptionKind)}")
    kind = KINDS[ExceptionKind(name)]
    is_off = isinstance(value.json, Mapping) and value.json.get("off") is True
    handling = "severity ownerRole due escalateTo"
    timed = "" if kind.handling.after is None else "after"
    return value.record(
        lambda members: _handling(members, kind),
        "" if is_off else handling,
        f"{handling} {timed} off",
    )


def _handling(members: Members, kind: KindRow) -> HandlingRule:
    default = kind.handling

    def off(value: Value) -> bool:
        is_off = value.flag()
        if is_off and not kind.may_be_off:
            value.refuse("must not be true: units or money are settled through these exceptions")
        return is_off

    return HandlingRule(
        severity=members.get(
            "severity", lambda each: each.choice(ExceptionSeverity), default.severity
        ),
        owner_role=members.get("ownerRole", _role, default.owner_role),
        due=members.get("due", Value.positive_duration, default.due),
        escalate_to=members.get("escalateTo", _role, default.escalate_to),
        after=members.get("after", Value.duration, default.after),
        is_off=members.get("off", off, False),
    )


def _role(value: Value) -> Role:
    return value.choice(Role)
