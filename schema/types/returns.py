"""Returns: their items, inspections and dispositions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypedDict, TypeVar, cast
from uuid import UUID

import strawberry

from domain.returns.risk import WHOLE
from domain.values.references import Reference
from models.queries.reads.returns import ShownReturnItemRow
from models.returns import DispositionStepRow, InspectionRow, ReturnItemRow, ReturnRow
from schema.context import Context, Info
from schema.fields.edges import TypeNamed, edge, node_edge
from schema.fields.enums import ConditionGrade, Disposition, ReturnItemState, ReturnStatus
from schema.fields.node import Node, found_by
from schema.fields.scalars import json_of
from schema.types.carriers import CarrierEvent, ShippingLabel
from schema.types.catalog import Item, Location, ReasonCode, item_edge
from schema.types.decisions import PolicyDecision
from schema.types.refunds import Refund, may_see_refunds
from server.projection.contexts import OperationContext
from server.projection.list_sizes import sized
from server.projection.records import column, derived, many, one


@strawberry.type
class DispositionStep:
    """A disposition of all units of a return item."""

    disposition: Disposition
    quantity: int
    decided_by: str
    """Actor that decided, or `policy`; without the permission `internals.read`, `staff`."""
    policy_version: int | None
    """Version of the DISPOSITION policy that decided; null if a person decided."""
    executed_at: datetime | None
    """Time of execution; null: not executed yet."""
    note: str | None
    decision: PolicyDecision

    @staticmethod
    def from_row(row: DispositionStepRow, quantity: int, context: Context) -> "DispositionStep":
        """A row of disposition_step, for `quantity` of its units."""
        return DispositionStep(
            disposition=Disposition(row["disposition"]),
            quantity=quantity,
            decided_by=context.caller.shown_actor(row["decided_by"]),
            policy_version=row["policy_version"],
            executed_at=row["executed_at"],
            note=row["note"],
            decision=PolicyDecision.from_json(row["decision"], context),
        )


@strawberry.type
class Inspection:
    """Result of one inspection of all units of a return item."""

    condition: ConditionGrade
    inspector: str
    """Actor that inspected; without the permission `internals.read`, `staff`."""
    inspected_at: datetime
    note: str | None
    evidence: list[str]
    """Addresses of pictures and documents."""

    @staticmethod
    def from_row(row: InspectionRow, context: Context) -> "Inspection":
        """A row of inspection."""
        return Inspection(
            condition=ConditionGrade(row["condition"]),
            inspector=context.caller.shown_actor(row["inspector"]),
            inspected_at=row["inspected_at"],
            note=row["note"],
            evidence=evidence_of(row),
        )


@strawberry.type
class RiskTerm:
    """A part of a risk score, and the reason for its value."""

    name: str
    share: float
    """Contribution to the score, 0 to 1."""
    reason: str


@found_by(lambda loaders: loaders.return_items)
@strawberry.type
class ReturnItem(Node):
    """Units of a return in one state with one grade.

    When some of its units change state, they become a new ReturnItem; the others keep the id.
    """

    sku: str
    quantity: int
    state: ReturnItemState
    note: str | None
    """Note of the last inspector; null: none."""
    condition: ConditionGrade | None
    """Final grade; null until it is inspected."""
    inspected_by: str | None = derived(lambda group: _inspected_by(group.row, group.context))
    """Actor that inspected it; `policy` if it was graded automatically. Without the permission
    `internals.read`, `staff` for a person.
    """
    evidence: list[str] = derived(lambda group: evidence_of(group.row))
    """Addresses of pictures and documents."""
    disposition: Disposition | None
    """Last disposition that was executed; null: none yet."""
    received_at: datetime | None
    """Time of receipt; null: not received yet."""
    item: Item = item_edge("item_id")
    bin: Location | None = node_edge("Location", "bin_id")
    """Bin where the units wait for their inspection; null: none was sent, or they have left it."""
    return_: "Return" = node_edge("Return", "return_id", name="return")
    reason: ReasonCode | None = node_edge("ReasonCode", "reason_id")
    """Reason of the return; null for a wrong or extra unit."""
    order_line: Annotated["Node", TypeNamed("OrderLine")] | None = node_edge(
        "OrderLine", "order_line_id"
    )
    """Order line of the units; null for a wrong or extra unit."""

    @strawberry.field
    @sized(5)
    async def dispositions(self, info: Info) -> list[DispositionStep]:
        """The dispositions of these units, oldest first."""
        group = cast("ShownReturnItemRow", self.row)
        steps = await info.context.loaders.steps_of_return.load(group["return_id"]) or []
        groups = await info.context.loaders.groups_of_return.load(group["return_id"]) or []
        return [
            DispositionStep.from_row(row, group["quantity"], info.context)
            for row in history_of(group["id"], groups, steps)
        ]

    @strawberry.field
    @sized(3)
    async def inspections(self, info: Info) -> list[Inspection]:
        """The inspections of these units, oldest first; two if the policy requires two."""
        group = cast("ShownReturnItemRow", self.row)
        loaders = info.context.loaders
        inspections = await loaders.inspections_of_return.load(group["return_id"]) or []
        groups = await loaders.groups_of_return.load(group["return_id"]) or []
        return [
            Inspection.from_row(row, info.context)
            for row in history_of(group["id"], groups, inspections)
        ]


@found_by(lambda loaders: loaders.returns)
@strawberry.type
class Return(Node):
    """An agreement to take back units of one order, under an RMA number."""

    rma_number: str
    """Number for people and parcel labels."""
    status: ReturnStatus
    requested_at: datetime
    expected_by: datetime | None = column("expected_by_at")
    """Time at which the units are expected; null until it is authorized."""
    closed_at: datetime | None
    """Time of closing; null until it is CLOSED."""
    updated_at: datetime
    """Time of the last change of the return or its units."""
    carrier: str | None
    """Carrier of the parcel that brings the units back; null: not known."""
    tracking_number: str | None
    """Tracking number of the parcel that brings the units back; null: not known."""
    customer_note: str | None
    """Text of the customer."""
    authorization: PolicyDecision = derived(lambda found: _authorization(found.row, found.context))
    """Decision of the RETURN policy, or of a person, on the request."""
    risk_score: float | None = derived(lambda found: _score(found.row, found.context))
    """Risk score, 0 to 1; null if not visible to the role."""
    risk_terms: list[RiskTerm] = derived(lambda found: _terms(found.row, found.context), rows=10)
    """Parts of the score; empty if not visible to the role."""
    order: Annotated["Node", TypeNamed("Order")] = node_edge("Order", "order_id")
    refunds: list[Refund] = edge(
        lambda loaders: loaders.refunds_of_return,
        "id",
        many(Refund),
        seen_by=may_see_refunds,
        rows=10,
    )
    """Empty if not visible to the role."""
    destination: Location | None = node_edge("Location", "destination_id")
    """Location that is to receive the units; null: outside the scope of the caller's key."""
    label: ShippingLabel | None = edge(
        lambda loaders: loaders.label_of_return, "id", one(ShippingLabel)
    )
    """Its live label: REQUESTED, UNKNOWN or BOUGHT; null: none."""
    tracking: list[CarrierEvent] = edge(
        lambda loaders: loaders.tracking_of_return, "id", many(CarrierEvent), rows=5
    )
    """The carrier's events of its parcel, oldest first by the carrier's time."""
    items: list[ReturnItem] = edge(
        lambda loaders: loaders.items_of_return, "id", many(ReturnItem), rows=10
    )


class ReturnRecord(TypedDict):
    """The columns of a return's records by which they belong to a group of units."""

    return_item_id: UUID
    return_version: int


RecordT = TypeVar("RecordT", bound=ReturnRecord)


def history_of(
    key: UUID, groups: Sequence[ReturnItemRow], records: Sequence[RecordT]
) -> list[RecordT]:
    """The records of an item's units: its own, and those of its parent until it was split off.

    `groups` and `records` belong to the whole return and are ordered.
    """
    by_key = {group["id"]: group for group in groups}
    found: list[RecordT] = []
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
        parent = current["parent_id"]
        current = None if parent is None else by_key.get(parent)
    return found


def _inspected_by(row: ReturnItemRow, context: OperationContext) -> str | None:
    """The inspectors, of whom a second one is separated by a comma."""
    names = row["inspected_by"]
    if names is None:
        return None
    return ", ".join(dict.fromkeys(map(context.caller.shown_actor, names.split(", "))))


def evidence_of(row: ReturnItemRow | InspectionRow) -> list[str]:
    """The references of a row, each as text."""
    return [str(Reference(**each)) for each in json_of(row["evidence"])]


def _authorization(row: ReturnRow, context: Context) -> PolicyDecision:
    return PolicyDecision.from_json(row["decision"], context)


def _score(row: ReturnRow, context: Context) -> float | None:
    return row["risk_points"] / WHOLE if context.caller.may_see_risk() else None


def _terms(row: ReturnRow, context: Context) -> list[RiskTerm]:
    if not context.caller.may_see_risk():
        return []
    return [
        RiskTerm(name=term["name"], share=term["points"] / WHOLE, reason=term["reason"])
        for term in json_of(row["risk"])
    ]
