"""Carriers: the list of their events; shipping labels: buy one, give one back."""

from typing import Annotated

from strawberry import ID, UNSET, argument

import models.queries.reads.carriers as carrier_reads
import schema.mutations.carriers as commands
import workflows.carriers.label_requests
from schema.context import Info
from schema.fields.arguments import After, Before, First, Last, given
from schema.fields.paging import Connection, selection_of, window
from schema.mutations.carriers import LabelBuyInput, LabelPayload
from schema.mutations.perform import perform_mutation
from schema.types.carriers import CarrierEvent


async def carrier_events(
    info: Info,
    tracking_number: Annotated[
        str | None, argument(description="Only with this tracking number.")
    ] = UNSET,
    matched: Annotated[
        bool | None,
        argument(description="True: only those of a parcel. False: only those that wait for one."),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection[CarrierEvent]:
    """Events that carriers reported about parcels, newest first. Null arguments do not filter.

    Events that wait for a parcel are kept for 30 days, and exist for keys without a limit only.
    """
    page = await carrier_reads.carrier_events(
        *await info.context.opened(),
        window(first, after, last, before, selection_of(info)),
        tracking_number=given(tracking_number),
        matched=given(matched),
    )
    return Connection(page, CarrierEvent.from_row, info.context)


async def label_buy(info: Info, input: LabelBuyInput) -> LabelPayload | None:
    """Ask for the shipping label of a parcel. It is REQUESTED, and bought within seconds.

    A carrier that does not answer leaves it UNKNOWN: it is looked up again, and never bought twice.
    Once it is BOUGHT, the parcel or transfer has its carrier and tracking number. The label of a
    transfer needs a key that covers its origin. Refused: ILLEGAL_TRANSITION unless the parcel may
    have a label, ALREADY_EXISTS if it has a live one, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info, workflows.carriers.label_requests.buy, input.to_command, LabelPayload
    )


async def label_void(
    info: Info,
    id: Annotated[ID, argument(description="Id of the label.")],
    note: Annotated[str | None, argument(description="Reason; at most 2,000 characters.")] = UNSET,
) -> LabelPayload | None:
    """Give a BOUGHT or UNKNOWN label back to its carrier. It is VOIDING, then VOIDED.

    If the carrier refuses, it is BOUGHT again. Refused: ILLEGAL_TRANSITION in other states and for
    a parcel or transfer that has shipped, INVALID, NOT_FOUND.
    """
    return await perform_mutation(
        info,
        workflows.carriers.label_requests.void,
        lambda: commands.void(id, note),
        LabelPayload,
    )
