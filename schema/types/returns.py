"""Returns: what comes back, what was found, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from domain.returns.risk import WHOLE
from domain.values.references import Reference
from models.database.sessions import Row
from schema.context import Context, Info
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import ConditionGrade, Disposition, ReturnItemState, ReturnStatus
from schema.fields.node import Node, found_by
from schema.fields.scalars import json_of
from schema.types.catalog import Location, ReasonCode
from schema.types.decisions import PolicyDecision
from schema.types.refunds import Refund, may_see_refunds
from server.projection.records import column, derived, many


@strawberry.type
class DispositionStep:
    """A disposition that all units of a group have gone through."""

    disposition: Disposition
    quantity: int
    decided_by: str
    """The actor, or `policy`."""
    policy_version: int | None
    """Version of the DISPOSITION policy that decided; null where a person did."""
    executed_at: datetime | None
    """When it was carried out; null: not yet."""
    note: str | None
    decision: PolicyDecision

    @staticmethod
    def from_row(row: Row, quantity: int, context: Context) -> "DispositionStep":
        """A row of disposition_step, as it was for `quantity` units of it."""
        return DispositionStep(
            disposition=Disposition(row["disposition"]),
            quantity=quantity,
            decided_by=row["decided_by"],
            policy_version=row["policy_version"],
            executed_at=row["executed_at"],
            note=row["note"],
            decision=PolicyDecision.from_json(row["decision"], context),
        )


@strawberry.type
class Inspection:
    """What one inspector found on all units of a group."""

    condition: ConditionGrade
    inspector: str
    """The actor."""
    inspected_at: datetime
    note: str | None
    evidence: list[str]
    """Addresses of pictures and papers."""

    @staticmethod
    def from_row(row: Row) -> "Inspection":
        """A row of inspection."""
        return Inspection(
            condition=ConditionGrade(row["condition"]),
            inspector=row["inspector"],
            inspected_at=row["inspected_at"],
            note=row["note"],
            evidence=evidence_of(row),
        )


@strawberry.type
class RiskTerm:
    """One part of a risk score, and why it weighs what it does."""

    name: str
    share: float
    """What it adds to the score, 0 to 1."""
    reason: str


@found_by(lambda loaders: loaders.return_items)
@strawberry.type
class ReturnItem(Node):
    """Units of a return in one state with one grade.

    When a part of them moves on, that part becomes a new ReturnItem and the rest keeps its id.
    """

    sku: str
    quantity: int
    state: ReturnItemState
    note: str | None
    """The last inspector's words; null: none."""
    condition: ConditionGrade | None
    """The grade that stands; null until it is inspected."""
    inspected_by: str | None
    """The actor who inspected it; `policy` by the fast lane."""
    evidence: list[str] = derived(lambda group: evidence_of(group.row))
    """Addresses of pictures and papers."""
    disposition: Disposition | None
    """The last one that was executed; null: none yet."""
    received_at: datetime | None
    """Null until it is here."""
    return_: "Return" = node_edge("Return", "return_id", name="return")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    """Why it goes back; null for a wrong or extra unit."""
    order_line: Annotated["Node", TypeNamed("OrderLine")] | None = node_edge(
        "OrderLine", "order_line_id"
    )
    """What it was sold as; null for a wrong or extra unit."""

    @strawberry.field
    async def dispositions(self, info: Info) -> list[DispositionStep]:
        """What these units have gone through, the oldest first."""
        steps = await info.context.loaders.steps_of_return.load(self.row["return_id"]) or []
        groups = await info.context.loaders.items_of_return.load(self.row["return_id"]) or []
        return [
            DispositionStep.from_row(row, self.row["quantity"], info.context)
            for row in history_of(self.row["id"], groups, steps)
        ]

    @strawberry.field
    async def inspections(self, info: Info) -> list[Inspection]:
        """The inspections of these units, oldest first; two if the policy requires two."""
        inspections = (
            await info.context.loaders.inspections_of_return.load(self.row["return_id"]) or []
        )
        groups = await info.context.loaders.items_of_return.load(self.row["return_id"]) or []
        return [Inspection.from_row(row) for row in history_of(self.row["id"], groups, inspections)]


@found_by(lambda loaders: loaders.returns)
@strawberry.type
class Return(Node):
    """A promise to take units of one order back, under an RMA number."""

    rma_number: str
    """For people and parcels."""
    status: ReturnStatus
    requested_at: datetime
    expected_by: datetime | None = column("expected_by_at")
    """When its units should be here; null until it is authorized."""
    closed_at: datetime | None
    """Null until it is CLOSED."""
    carrier: str | None
    """Of the parcel that comes back; null: not known."""
    tracking_number: str | None
    """Of the parcel that comes back; null: not known."""
    customer_note: str | None
    """What the customer wrote."""
    authorization: PolicyDecision = derived(
        lambda found: PolicyDecision.from_json(found.row["decision"], found.context)
    )
    """What the RETURN policy, or a person, decided on the request."""
    risk_score: float | None = derived(lambda found: _score(found))
    """0 to 1; null for roles that may not see it."""
    risk_terms: list[RiskTerm] = derived(lambda found: _terms(found))
    """What the score is made of; empty for roles that may not see it."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    refunds: list[Refund] = edge(
        lambda loaders: loaders.refunds_of_return, "id", many(Refund), seen_by=may_see_refunds
    )
    """Empty for roles that may not see refunds."""
    destination: Location | None = node_edge("Location", "destination_id")
    """Where the units should go; null: the key does not reach it."""
    items: list[ReturnItem] = edge(lambda loaders: loaders.items_of_return, "id", many(ReturnItem))


def history_of(key: UUID, groups: Sequence[Row], records: Sequence[Row]) -> list[Row]:
    """What a group's units went through: its own records, and its parent's until it was split off.

    `groups` and `records` are of the whole return, each in their order.
    """
    by_key = {group["id"]: group for group in groups}
    found: list[Row] = []
    current, before = by_key.get(key), None
    while current is not None:
        own = [
            record
            for record in records
            if record["return_item_id"] == current["id"]
            and (before is None or record["return_version"] < before)
        ]
        found = own + found
        since = current["since_version"]
        before = since if before is None else min(before, since)
        current = by_key.get(current["parent_id"])
    return found


def evidence_of(row: Row) -> list[str]:
    """A row's references, each as one text."""
    return [str(Reference(**each)) for each in json_of(row["evidence"])]


def _score(found: Return) -> float | None:
    points: int = found.row["risk_points"]
    return points / WHOLE if found.context.caller.may_see_risk() else None


def _terms(found: Return) -> list[RiskTerm]:
    if not found.context.caller.may_see_risk():
        return []
    return [
        RiskTerm(name=term["name"], share=term["points"] / WHOLE, reason=term["reason"])
        for term in json_of(found.row["risk"])
    ]
