"""Availability: a query for many SKUs, and a subscription."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.catalog as catalog_reads
from domain.errors import BadRequest, Unauthenticated
from domain.values.countries import COUNTRY_MESSAGE, is_country
from schema.context import Context, Info
from schema.fields.addresses import AddressInput
from schema.fields.arguments import Resume, Snapshot, given
from schema.streams import converted, snapshot_position
from schema.types.availability import Availability
from schema.types.events import AvailabilityEvent
from server.projection.list_sizes import sized
from subscriptions.streams.stock_and_events import AvailabilityChange
from workflows.availability.availability import Availability as Found
from workflows.availability.routing import STANDARD

SKUS_MAX = 1_000


def check_channel(context: Context, channel: str) -> None:
    """Raise Unauthenticated for a channel that is not open to callers without a key."""
    caller = context.caller
    if caller.is_anonymous and not caller.sees_channel(channel):
        raise Unauthenticated("This channel needs an API key: Authorization: Bearer KEY.")


@sized(by="skus")
async def availability(
    info: Info,
    channel: Annotated[str, argument(description="Code of the channel.")],
    skus: list[str],
    ship_to: Annotated[
        AddressInput | None,
        argument(description="Destination. Delivery dates depend on its country."),
    ] = UNSET,
    service_level: Annotated[
        str | None,
        argument(
            description="Service level that selects the lead times: STANDARD (default), EXPRESS, …"
        ),
    ] = UNSET,
) -> list[Availability | None]:
    """Availability of each SKU on a channel, in the order of `skus`; null for an unknown SKU.

    At most 1,000 SKUs are allowed. No API key is needed on channels that are open to anonymous
    callers.
    """
    context = info.context
    check_channel(context, channel)
    if len(skus) > SKUS_MAX:
        raise BadRequest(f"At most {SKUS_MAX:,} SKUs are allowed; {len(skus):,} were sent.")
    address = given(ship_to)
    if address is not None and not is_country(address.country_code):
        raise BadRequest(f"shipTo.countryCode: {COUNTRY_MESSAGE}")
    as_of, found = await context.services.availability.find(
        channel,
        skus,
        context.caller,
        country=None if address is None else address.country_code,
        service_level=given(service_level) or STANDARD,
    )
    return [
        None if each is None else Availability.of(each, context.caller, as_of) for each in found
    ]


async def availability_changed(
    info: Info,
    channel: Annotated[str, argument(description="Code of the channel.")],
    skus: Annotated[
        list[str] | None, argument(description="Only these SKUs; absent: all.")
    ] = UNSET,
    after: Resume = UNSET,
    snapshot: Snapshot = False,
) -> AsyncGenerator[AvailabilityEvent, None]:
    """Availability of SKUs on a channel, sent after each change, or first as it is now.

    No API key is needed on channels that are open to anonymous callers. A subscriber that reads
    slowly gets only the latest state of each SKU.
    """
    context = info.context
    check_channel(context, channel)
    if await catalog_reads.channel(*await context.opened(), channel) is None:
        raise BadRequest(f"No channel {channel!r} was found.")
    await context.close()
    chosen, start = given(skus), given(after)

    def convert(change: AvailabilityChange[Found]) -> AvailabilityEvent:
        availability = Availability.of(
            change.availability, context.caller, change.availability.as_of
        )
        return AvailabilityEvent(
            cursor=change.cursor,
            availability=availability,
            position=change.position,
            replaces=availability.sku,
        )

    if given(snapshot):
        position = await snapshot_position(context, start)
        start = str(position)
        states = context.services.snapshots.availability(channel, chosen, position)
        async with aclosing(converted(states, convert)) as present:
            async for event in present:
                yield event
    stream = context.services.streams.availability_changed(
        context.caller, channel, skus=chosen, after=start, audience=context.audience
    )
    async with aclosing(converted(stream, convert)) as events:
        async for event in events:
            yield event
