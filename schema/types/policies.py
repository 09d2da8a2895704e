"""Policies: versioned rules that never change. Runs of the playbooks that they name."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import strawberry

from domain.continuity.measures import note_of
from domain.policies.continuity import MeasureKind as Kind
from domain.policies.defaults import DEFAULT_RULES
from domain.policies.json_schemas import rules_schema, scopes_of
from domain.policies.policies import HeldMode
from models.policies import PlaybookMeasureRow, PlaybookRunRow, PolicyRow
from models.queries.rollout.reports import ShadowCaseRow
from schema.context import Context
from schema.fields.edges import edge, node_edge
from schema.fields.enums import (
    MeasureKind,
    PlaybookStatus,
    PolicyKind,
    RolloutDomain,
    RolloutMode,
)
from schema.fields.node import Node, found_by, load
from schema.fields.paging import PageInfo
from schema.fields.scalars import JSON, json_of
from schema.types.decisions import PolicyDecision
from schema.types.integrations.systems import Integration
from server.projection.list_sizes import listed
from server.projection.records import Record, column, derived, many


def _rules(row: PolicyRow) -> object:
    return json_of(row["rules"])


@found_by(lambda loaders: loaders.policies)
@strawberry.type
class Policy(Node):
    """One version of the rules of a kind for a scope. Versions never change.

    If several policies apply to a case, the one with the most specific scope decides, in its newest
    version in force.
    """

    kind: PolicyKind
    scope: str
    """`global`, `location:X`, `channel:x`, `category:y` or `channel:x,category:y`."""
    version: int
    """Version number, from 1 within kind and scope."""
    rules: JSON = derived(lambda policy: _rules(policy.row))
    """Rules; their structure depends on the kind."""
    effective_from: datetime = column("effective_from_at")
    """Start of validity."""
    published_by: str
    """Actor that published it."""


@strawberry.type
class PolicySchema:
    """The structure of the rules of a kind, for editors and forms."""

    kind: PolicyKind
    schema: JSON
    """JSON Schema (2020-12) of `rules`. It cannot state that the bands of a currency ascend, or
    that no two entries of a list decide the same case; `policyPublish` refuses that too.
    """
    scopes: list[str]
    """Forms of the scopes that policies of the kind may have; X and y stand for codes."""
    example: JSON
    """Rules that are valid: the default of a new database."""

    @staticmethod
    def of(kind: PolicyKind) -> "PolicySchema":
        """The structure of the rules of a kind."""
        return PolicySchema(
            kind=kind,
            schema=JSON(rules_schema(kind)),
            scopes=scopes_of(kind),
            example=JSON(DEFAULT_RULES[kind]),
        )


def _note(row: PlaybookMeasureRow) -> str:
    return note_of(Kind(row["kind"]), row["units"])


@strawberry.type
class Measure(Record):
    """A measure of a playbook, which decisions obey while its run is STARTING or ACTIVE."""

    kind: MeasureKind
    units: int | None
    """Units, parcels or days, depending on the kind; null: the measure has none."""
    affected: int
    """Units that were quarantined, or parcels that were moved or put on hold, until now. Else the
    SKUs, parcels, refunds or labels that the measure concerned when it started.
    """
    note: str = derived(lambda measure: _note(measure.row), of=("kind", "units"))
    """The measure in one sentence."""


def _codes(stored: Any, sees: Any) -> list[str] | None:
    """The codes that the caller may see; None: all."""
    return None if stored is None else [code for code in json_of(stored) if sees(code)]


def _channels(row: PlaybookRunRow, context: Context) -> list[str] | None:
    return _codes(row["channels"], context.caller.sees_channel)


def _locations(row: PlaybookRunRow, context: Context) -> list[str] | None:
    return _codes(row["locations"], context.caller.sees_location)


def _named(actor: str | None, context: Context) -> str | None:
    return None if actor is None else context.caller.shown_actor(actor)


@found_by(lambda loaders: loaders.playbook_runs)
@strawberry.type
class PlaybookRun(Node):
    """A playbook that was started: its measures, and what they are restricted to."""

    playbook: str
    """Name of the playbook in the CONTINUITY policy."""
    status: PlaybookStatus
    reason: str
    """Reason of the start, as free text."""
    policy_version: int
    """Version of the CONTINUITY policy that named the measures."""
    channels: list[str] | None = derived(lambda run: _channels(run.row, run.context))
    """Codes of the channels; null: all."""
    locations: list[str] | None = derived(lambda run: _locations(run.row, run.context))
    """Codes of the locations; null: all."""
    skus: list[str] | None = derived(lambda run: _codes(run.row["skus"], lambda _: True))
    """SKUs; null: all."""
    carriers: list[str] | None = derived(lambda run: _codes(run.row["carriers"], lambda _: True))
    """Codes of the carriers; null: all."""
    started_by: str = derived(lambda run: _named(run.row["started_by"], run.context))
    """Actor that started it."""
    started_at: datetime
    """Time from which decisions obey it."""
    ends_at: datetime | None
    """Time at which it ends by the clock; null: until it is ended."""
    ended_by: str | None = derived(lambda run: _named(run.row["ended_by"], run.context))
    """Actor that ended it; `system`: the clock. Null while its measures hold."""
    ended_at: datetime | None
    """Time from which its measures no longer hold; null while they hold."""
    integration: Integration | None = node_edge("Integration", "integration_id")
    """The integration that was DOWN when it started by itself; null: a person started it."""
    measures: list[Measure] = edge(
        lambda loaders: loaders.measures_of_run, "id", many(Measure), rows=5
    )
    """Its measures, with what each affects."""


@strawberry.type
class RolloutSwitch:
    """The mode that a domain has for new cases now. A case keeps the mode in which it began."""

    domain: RolloutDomain
    """Decisions that the switch is about."""
    mode: RolloutMode
    """New cases are decided by people, by the policy, or by people beside the policy."""
    scope: str
    """Scope of the ROLLOUT policy that decides."""
    policy_version: int
    """Version of that policy."""
    since: datetime
    """Time from which the domain has had this mode here."""

    @staticmethod
    def of(held: HeldMode) -> "RolloutSwitch":
        """The switch of a domain."""
        policy = held.policy
        return RolloutSwitch(
            domain=held.domain,
            mode=held.mode,
            scope=str(policy.scope),
            policy_version=policy.version,
            since=held.since,
        )


@strawberry.type
class ShadowDifference:
    """A decision of a policy and another one of people, with the number of such cases."""

    would: str
    """Outcome that the policy would have had; FAILED if it could not decide."""
    did: str
    """Decision of people or of the caller."""
    cases: int
    """Number of cases with both."""


@strawberry.type
class ShadowCase:
    """A case that people or the caller decide, with the decision of the policy beside it."""

    subject: Node
    """The Order, Reservation, Return, ReturnItem or Refund."""
    at: datetime
    """Time at which the case began."""
    would: PolicyDecision
    """Decision that the policy would have made; outcome FAILED if it could not decide."""
    did: str | None
    """Decision of people or of the caller; null until they decide."""
    decided_by: str | None
    """Actor that decided; null until then."""
    agrees: bool | None
    """True if both decisions are the same, or the policy leaves the case to people; null until it
    is decided.
    """
    differences: list[str] = listed(4)
    """Differences, as text for people."""

    @staticmethod
    async def of(row: ShadowCaseRow, context: Context) -> "ShadowCase | None":
        """The case of a row; None if the caller may not see its subject."""
        subject: Node | None = await load(context, row["subject_type"], UUID(row["subject_key"]))
        if subject is None:
            return None
        differences = row["differences"]
        return ShadowCase(
            subject=subject,
            at=row["opened_at"],
            would=PolicyDecision.from_json(row["decision"], context),
            did=row["did"],
            decided_by=_named(row["decided_by"], context),
            agrees=None if row["agrees"] is None else bool(row["agrees"]),
            differences=[] if differences is None else cast("list[str]", json_of(differences)),
        )


@strawberry.type
class ShadowReport:
    """Shadow cases of a domain, and how far the policy agrees with people."""

    domain: RolloutDomain
    """Decisions that were asked for."""
    since: datetime
    """Only cases that began from then on count."""
    cases: int
    """Number of cases."""
    open: int
    """Number of cases that are not decided yet. A return or refund that ends without a decision of
    people stays open.
    """
    agreed: int
    """Number of decided cases in which both decisions agree."""
    agreement: float | None
    """Agreed cases among the decided ones, from 0 to 1; null without a decided case."""
    differences: list[ShadowDifference] = listed(10)
    """Differences by the number of their cases, the most frequent first; at most 100."""
    nodes: list[ShadowCase]
    """Cases of the page, newest first."""
    page_info: PageInfo
