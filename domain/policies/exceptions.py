"""EXCEPTION policy: replaces the default handling of kinds of exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.access.callers import Role
from domain.exceptions import DEFAULT_HANDLING, ExceptionKind, ExceptionSeverity, HandlingRule
from domain.policies.reading import Value


@dataclass(frozen=True, slots=True)
class ExceptionRules:
    """A parsed EXCEPTION policy."""

    kinds: Mapping[ExceptionKind, HandlingRule]

    def row(self, kind: ExceptionKind) -> HandlingRule:
        """Handling of this kind: the policy's row, or the default if it has none."""
        return self.kinds.get(kind) or DEFAULT_HANDLING[kind]


def parse(rules: Value) -> ExceptionRules:
    """Parse an EXCEPTION document; raises Invalid with the path of the fault."""
    kinds = rules.members("kinds")["kinds"]
    return ExceptionRules({_kind(name, row): _row(row) for name, row in kinds.entries()})


def _kind(name: str, row: Value) -> ExceptionKind:
    if name not in set(ExceptionKind):
        row.refuse(f"is not a kind of exception; allowed are {', '.join(ExceptionKind)}")
    return ExceptionKind(name)


def _row(value: Value) -> HandlingRule:
    members = value.members("severity ownerRole due escalateTo")
    due = members["due"].duration()
    if not due:
        members["due"].refuse("must be longer than zero")
    return HandlingRule(
        severity=members["severity"].choice(ExceptionSeverity),
        owner_role=members["ownerRole"].choice(Role),
        due=due,
        escalate_to=members["escalateTo"].choice(Role),
    )
