"""Carrier and service of labels that name none, and labels that are bought with the packing.

The FULFILLMENT policy of the order's channel and the location decides. It may name a carrier for
the order's service level; else the first configured carrier is taken. Without a service the label
has the service level of the order. A transfer has no channel, and the service level STANDARD.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import models.queries.catalog.lookups as lookups
import models.queries.continuity.stops as stop_queries
import models.queries.orders.fulfillments as fulfillment_queries
import workflows.carriers.label_subjects as label_subjects
import workflows.carriers.labels as labels
import workflows.orders.locked_orders as locked_orders
import workflows.policies.publishing as policies
from domain.events.fulfillments import FulfillmentWorkPayload
from domain.orders.fulfillments import FulfillmentStatus
from domain.orders.labels import LabelFormat
from domain.policies.fulfillments import FulfillmentRules
from domain.policies.policies import PolicyKind
from domain.values.codes import comparison_key, same_code
from models.queries.continuity.stops import StoppingRunRow
from workflows.availability.routing import STANDARD
from workflows.carriers.label_subjects import LabelSubject
from workflows.transactions.outbox import PendingEvent
from workflows.transactions.transaction import Transaction


class LabelChoice(NamedTuple):
    """The carrier that sells a label, and its service."""

    carrier: str
    service: str


async def choose(
    tx: Transaction, subject: LabelSubject, carrier: str | None, service: str | None
) -> LabelChoice:
    """The carrier and the service of a label. `carrier`, `service`: as the request names them.

    A carrier of the policy that is not configured counts as none. The policy's service belongs to
    the policy's carrier.
    """
    level = STANDARD if subject.order is None else subject.order.service_level
    named = (await _rules(tx, subject)).carrier_of(level)
    configured = None if named is None else configured_code(tx, named.carrier)
    chosen = carrier or configured or tx.terms.carriers[0]
    if service is None and named is not None and configured == chosen:
        service = named.service
    return LabelChoice(chosen, service or level)


async def stopping_run(
    tx: Transaction, subject: LabelSubject, carrier: str
) -> StoppingRunRow | None:
    """The run of a playbook by which no label of this carrier is bought; None: it may be bought."""
    channel_id = None if subject.order is None else subject.order.channel_id
    return await stop_queries.run_without_labels(
        tx.session, channel_id, subject.location_id, comparison_key(carrier), tx.now
    )


def configured_code(tx: Transaction, code: str) -> str | None:
    """The code of a carrier as the settings spell it; None: it is not configured."""
    return next((each for each in tx.terms.carriers if same_code(each, code)), None)


async def buy_when_packed(tx: Transaction, event: PendingEvent[FulfillmentWorkPayload]) -> None:
    """Ask for the label of a packed parcel, if the policy wants it and the parcel has none.

    Reacts to `fulfillment.packed`, and to `fulfillment.created` for the other parcels of one pack.
    """
    if event.payload.status is not FulfillmentStatus.PACKED:
        return
    order = await locked_orders.reload(tx, event.payload.order)
    row = await fulfillment_queries.fulfillment(tx.session, UUID(event.subject_key))
    if row is None:
        return
    subject = label_subjects.of_fulfillment(order, row)
    if not (await _rules(tx, subject)).labels_on_pack:
        return
    if await labels.live_of(tx, subject) is None:
        choice = await choose(tx, subject, None, None)
        if await stopping_run(tx, subject, choice.carrier) is not None:
            return  # the warehouse labels it by hand
        await labels.add(tx, subject, *choice, LabelFormat.PDF, event.actor)


async def _rules(tx: Transaction, subject: LabelSubject) -> FulfillmentRules:
    """The FULFILLMENT policy in force for a parcel."""
    channel = None
    if subject.order is not None:
        channels = await lookups.channels_by_id(tx.session, [subject.order.channel_id])
        channel = channels[subject.order.channel_id].code
    locations = await lookups.locations_by_id(tx.session, [subject.location_id])
    policy = await policies.decide(
        tx.session,
        PolicyKind.FULFILLMENT,
        tx.now,
        channel=channel,
        location=locations[subject.location_id].code,
    )
    return policy.rules
