"""Availability for storefronts."""

from typing import Annotated

from strawberry import UNSET, argument

from domain.errors import BadRequest, Unauthenticated
from domain.values.countries import COUNTRY_WORDS, is_country
from schema.context import Context, Info
from schema.fields.addresses import AddressInput
from schema.fields.arguments import given
from schema.types.availability import Availability
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
        raise BadRequest(f"shipTo.countryCode: {COUNTRY_WORDS}")
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
