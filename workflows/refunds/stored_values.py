"""The parts of a refund as its row stores them."""

from __future__ import annotations

import orjson

from domain.refunds.breakdowns import Breakdown, Component, ComponentKind
from domain.refunds.parts import Parts, RefundValue
from models.refunds import RefundRow, RefundValueColumns


def value_of(row: RefundRow) -> RefundValue:
    """The parts stored in a refund's row."""
    return RefundValue(
        Parts(
            row["items_minor"],
            row["tax_minor"],
            row["shipping_minor"],
            row["shipping_tax_minor"],
        ),
        fee_minor=row["fee_minor"],
        unpaid_minor=row["unpaid_minor"] or 0,
        owed_minor=row["owed_minor"],
    )


def value_columns(value: RefundValue) -> RefundValueColumns:
    """The columns of a refund's row that hold its parts."""
    return {
        "items_minor": value.parts.items_minor,
        "tax_minor": value.parts.tax_minor,
        "shipping_minor": value.parts.shipping_minor,
        "shipping_tax_minor": value.parts.shipping_tax_minor,
        "fee_minor": value.fee_minor,
        "unpaid_minor": value.unpaid_minor,
        "owed_minor": value.owed_minor,
    }


def breakdown_text(breakdown: Breakdown) -> str:
    """Components as JSON for a refund's row."""
    return orjson.dumps(
        [
            {"kind": str(part.kind), "amountMinor": part.amount_minor, "note": part.note}
            for part in breakdown.components
        ]
    ).decode()


def components_of(row: RefundRow) -> list[Component]:
    """The components stored in a refund's row."""
    return [
        Component(ComponentKind(part["kind"]), part["amountMinor"], part["note"])
        for part in orjson.loads(row["breakdown"])
    ]
