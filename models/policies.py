"""Tables of policies, whose versions never change, and of runs of the playbooks that they name."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from tortoise import fields

from models.database.keys import KeyField
from models.database.model import Model


class Policy(Model):
    """One version of the rules of a kind for a scope, in force from `effective_from_at`."""

    id = fields.UUIDField(primary_key=True)
    kind = fields.TextField()
    scope = fields.TextField()
    version = fields.IntField()
    rules: Any = fields.JSONField()
    effective_from_at = fields.DatetimeField()
    published_by = fields.TextField()
    published_at = fields.DatetimeField()

    class Meta:
        table = "policy"


class PolicyRow(TypedDict):
    """A row of policy."""

    id: UUID
    kind: str
    scope: str
    version: int
    rules: str
    effective_from_at: datetime
    published_by: str
    published_at: datetime


class PolicyStart(Model):
    """A version published for a later time, until an event has announced that it is in force."""

    policy_id = fields.UUIDField(primary_key=True)

    class Meta:
        table = "policy_start"


class PlaybookRun(Model):
    """A playbook that was started. The four lists hold codes; None: all.

    `integration_id`: the integration whose outage it is for; None: a person started it.
    `barrier`: transactions below it began before the run; nothing is moved while one is running.
    """

    id = fields.UUIDField(primary_key=True)
    playbook = fields.TextField()
    status = fields.TextField()
    reason = fields.TextField()
    policy_scope = fields.TextField()
    policy_version = fields.IntField()
    end_by = fields.TextField()
    channels: Any = fields.JSONField(null=True)
    locations: Any = fields.JSONField(null=True)
    skus: Any = fields.JSONField(null=True)
    carriers: Any = fields.JSONField(null=True)
    started_by = fields.TextField()
    started_at = fields.DatetimeField()
    ends_at = fields.DatetimeField(null=True)
    ended_by = fields.TextField(null=True)
    ended_at = fields.DatetimeField(null=True)
    end_note = fields.TextField(null=True)
    barrier = fields.BigIntField(null=True)
    integration_id = fields.UUIDField(null=True)
    version = fields.BigIntField(default=1)

    class Meta:
        table = "playbook_run"


class PlaybookRunRow(TypedDict):
    """A row of playbook_run. The lists are JSON."""

    id: UUID
    playbook: str
    status: str
    reason: str
    policy_scope: str
    policy_version: int
    end_by: str
    channels: str | None
    locations: str | None
    skus: str | None
    carriers: str | None
    started_by: str
    started_at: datetime
    ends_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    end_note: str | None
    barrier: int | None
    integration_id: UUID | None
    version: int


class PlaybookMeasure(Model):
    """A measure of a run. `affected`: parcels, refunds, labels or SKUs.

    Those of QUARANTINE and HOLD_PARCELS are counted from their units and holds.
    """

    id = fields.UUIDField(primary_key=True)
    run_id = fields.UUIDField()
    kind = fields.TextField()
    units = fields.BigIntField(null=True)
    affected = fields.BigIntField(default=0)

    class Meta:
        table = "playbook_measure"


class PlaybookMeasureRow(TypedDict):
    """A row of playbook_measure."""

    id: UUID
    run_id: UUID
    kind: str
    units: int | None
    affected: int


class PlaybookPlace(Model):
    """A channel or a location that a run is restricted to. Never changed."""

    id = fields.UUIDField(primary_key=True)
    run_id = fields.UUIDField()
    channel_id = fields.BigIntField(null=True)
    location_id = fields.BigIntField(null=True)

    class Meta:
        table = "playbook_place"


class PlaybookItem(Model):
    """An item that a run is restricted to. Never changed."""

    id = fields.UUIDField(primary_key=True)
    run_id = fields.UUIDField()
    item_id = fields.BigIntField()

    class Meta:
        table = "playbook_item"


class PlaybookCarrier(Model):
    """A carrier that a run is restricted to. Never changed."""

    id = fields.UUIDField(primary_key=True)
    run_id = fields.UUIDField()
    carrier = fields.TextField()
    carrier_key = KeyField("carrier")

    class Meta:
        table = "playbook_carrier"


class QuarantinedUnit(Model):
    """Units of a level that a run moved to quarantine, and those that it moved back.

    `settled`: the run has ended, and all that were still there are back.
    """

    id = fields.UUIDField(primary_key=True)
    run_id = fields.UUIDField()
    item_id = fields.BigIntField()
    location_id = fields.BigIntField()
    taken = fields.BigIntField()
    given_back = fields.BigIntField(default=0)
    settled = fields.BooleanField()

    class Meta:
        table = "quarantined_unit"


class RolloutCase(Model):
    """A case that people or the caller decide: its domain is not LIVE. Never changed.

    A case without a row is LIVE. `policy_scope` and `policy_version`: the deciding ROLLOUT policy.
    """

    id = fields.UUIDField(primary_key=True)
    domain = fields.TextField()
    mode = fields.TextField()
    subject_type = fields.TextField()
    subject_key = fields.TextField()
    channel_id = fields.BigIntField()
    location_id = fields.BigIntField(null=True)
    policy_scope = fields.TextField()
    policy_version = fields.IntField()
    opened_at = fields.DatetimeField()

    class Meta:
        table = "rollout_case"


class RolloutCaseRow(TypedDict):
    """A row of rollout_case."""

    id: UUID
    domain: str
    mode: str
    subject_type: str
    subject_key: str
    channel_id: int
    location_id: int | None
    policy_scope: str
    policy_version: int
    opened_at: datetime


class ShadowDecision(Model):
    """The decision that a policy would have made in a case. Never changed.

    `failed`: the policy could not decide; `decision` has the reason.
    """

    case_id = fields.UUIDField(primary_key=True)
    outcome = fields.TextField()
    decision: Any = fields.JSONField()
    failed = fields.BooleanField()
    decided_at = fields.DatetimeField()

    class Meta:
        table = "shadow_decision"


class ShadowDecisionRow(TypedDict):
    """A row of shadow_decision; `decision` is JSON."""

    case_id: UUID
    outcome: str
    decision: str
    failed: bool
    decided_at: datetime


class ShadowComparison(Model):
    """A shadow decision, compared with the decision of people or of the caller. Never changed."""

    case_id = fields.UUIDField(primary_key=True)
    did = fields.TextField()
    decided_by = fields.TextField()
    agrees = fields.BooleanField()
    differences: Any = fields.JSONField()
    decided_at = fields.DatetimeField()

    class Meta:
        table = "shadow_comparison"


class ShadowComparisonRow(TypedDict):
    """A row of shadow_comparison; `differences` is JSON."""

    case_id: UUID
    did: str
    decided_by: str
    agrees: bool
    differences: str
    decided_at: datetime
