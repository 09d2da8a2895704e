"""EXCEPTION policy: replaces the default handling of kinds of exceptions, or switches kinds off."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.access.callers import Role
from domain.exceptions import KINDS, ExceptionKind, ExceptionSeverity, HandlingRule
from domain.policies.reading import Value


@dataclass(frozen=True, slots=True)
class ExceptionRules:
    """A parsed EXCEPTION policy."""

    kinds: Mapping[ExceptionKind, HandlingRule]

    def row(self, kind: ExceptionKind) -> HandlingRule:
        """Handling of this kind: the policy's row, or the default if it has none."""
        return self.kinds.get(kind) or KINDS[kind].handling


def parse(rules: Value) -> ExceptionRules:
    """Parse an EXCEPTION document; raises Invalid with the path of the fault."""
    rows = {}
    for name, row in rules.members("kinds")["kinds"].entries():
        kind = _kind(name, row)
        rows[kind] = _row(kind, row)
    return ExceptionRules(rows)


def _kind(name: str, row: Value) -> ExceptionKind:
    if name not in set(ExceptionKind):
        row.refuse(f"is not a kind of exception; allowed are {', '.join(ExceptionKind)}")
    return ExceptionKind(name)


def _row(kind: ExceptionKind, value: Value) -> HandlingRule:
    """The handling of a kind. A kind that is off needs no other member."""
    default = KINDS[kind].handling
    is_off = isinstance(value.json, Mapping) and value.json.get("off") is True
    handling, timed = "severity ownerRole due escalateTo", "" if default.after is None else "after"
    members = value.members("" if is_off else handling, f"{handling} {timed} off")
    if members.get("off", Value.flag, False) and not KINDS[kind].may_be_off:
        members["off"].refuse(
            f"must not be true for {kind}: units or money are settled through its exceptions"
        )
    due = members.get("due", Value.duration, default.due)
    if not due:
        members["due"].refuse("must be longer than zero")
    return HandlingRule(
        severity=members.get(
            "severity", lambda each: each.choice(ExceptionSeverity), default.severity
        ),
        owner_role=members.get("ownerRole", _role, default.owner_role),
        due=due,
        escalate_to=members.get("escalateTo", _role, default.escalate_to),
        after=members.get("after", Value.duration, default.after),
        is_off=is_off,
    )


def _role(value: Value) -> Role:
    return value.choice(Role)
