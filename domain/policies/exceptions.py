"""The EXCEPTION document: rows that stand in for those of the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.access.callers import Role
from domain.exceptions import CATALOGUE, CatalogueRow, ExceptionKind, ExceptionSeverity
from domain.policies.reading import Value


@dataclass(frozen=True, slots=True)
class ExceptionRules:
    """One EXCEPTION policy, read."""

    kinds: Mapping[ExceptionKind, CatalogueRow]

    def row(self, kind: ExceptionKind) -> CatalogueRow:
        """How this kind is handled: by the policy where it names it, else by the catalogue."""
        return self.kinds.get(kind) or CATALOGUE[kind]


def parse(rules: Value) -> ExceptionRules:
    """Read an EXCEPTION document; Invalid with the path of what is wrong with it."""
    kinds = rules.members("kinds")["kinds"]
    return ExceptionRules({_kind(name, row): _row(row) for name, row in kinds.entries()})


def _kind(name: str, row: Value) -> ExceptionKind:
    if name not in set(ExceptionKind):
        row.refuse(f"is no kind of exception; known are {', '.join(ExceptionKind)}")
    return ExceptionKind(name)


def _row(value: Value) -> CatalogueRow:
    members = value.members("severity ownerRole due escalateTo")
    due = members["due"].duration()
    if not due:
        members["due"].refuse("must be longer than nothing")
    return CatalogueRow(
        severity=members["severity"].choice(ExceptionSeverity),
        owner_role=members["ownerRole"].choice(Role),
        due=due,
        escalate_to=members["escalateTo"].choice(Role),
    )
