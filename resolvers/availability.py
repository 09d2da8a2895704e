"""Availability for storefronts: a lookup of many SKUs, and a subscription."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from strawberry import UNSET, argument

import models.queries.reads.catalog as catalog_reads
from domain.errors import BadRequest, Unauthenticated
from domain.values.countries import COUNTRY_MESSAGE, is_country
from schema.context import Context, Info
from schema.fields.addresses import AddressInput
from schema.fields.arguments import Resume, given
from schema.streams import converted
from schema.types.availability import Availability
from schema.types.events import AvailabilityEvent
from subscriptions.streams.stock_and_events import AvailabilityChange
from workflows.availability.availability import Availability as Found
from workflows.availability.routing import STANDARD

SKUS_MAX = 1_000


def check_channel(context: Context, channel: str) -> None:
    """Raise Unauthenticated for a channel that is not open to callers without a key."""
    caller = context.caller
    if caller.is_anonymous and not caller.sees_channel(channel):
        raise Unauthenticated("This channel needs an API key: Authorization: Bearer KEY.")


async def availability(
    info: Info,
    channel: Annotated[str, argument(description="Its code.")],
    skus: list[str],
    ship_to: Annotated[
        AddressInput | None, argument(description="The country decides when units would arrive.")
    ] = UNSET,
    service_level: Annotated[
        str | None, argument(description="Chooses lead times: STANDARD (absent), EXPRESS, …")
    ] = UNSET,
) -> list[Availability | None]:
    """What a channel may sell of each SKU, in the order asked; null for an unknown SKU.

    At most 1,000 SKUs at once. It needs no API key on channels that are open to callers without
    one.
    """
    context = info.context
    check_channel(context, channel)
    if len(skus) > SKUS_MAX:
        raise BadRequest(f"At most {SKUS_MAX} SKUs are looked up at once.")
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
    channel: Annotated[str, argument(description="Its code.")],
    skus: Annotated[list[str] | None, argument(description="Absent: every SKU.")] = UNSET,
    after: Resume = UNSET,
) -> AsyncGenerator[AvailabilityEvent, None]:
    """What a channel may sell of each SKU, whenever that changed.

    It needs no API key on channels that are open to callers without one. A slow reader gets the
    latest of each SKU.
    """
    context = info.context
    check_channel(context, channel)
    if await catalog_reads.channel(*await context.opened(), channel) is None:
        raise BadRequest(f"No channel {channel!r} was found.")
    await context.close()
    stream = context.services.streams.availability_changed(
        context.caller,
        channel,
        skus=given(skus),
        after=given(after),
        audience=context.audience,
    )

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

    async with aclosing(converted(stream, convert)) as events:
        async for event in events:
            yield event
