"""Availability for storefronts."""

from strawberry import UNSET

from domain.countries import COUNTRY_WORDS, is_country
from domain.errors import BadRequest, Unauthenticated
from schema.context import Context, Info
from schema.types.addresses import AddressInput
from schema.types.arguments import given
from schema.types.availability import Availability
from workflows.routing import STANDARD

SKUS_MAX = 1_000


def check_channel(context: Context, channel: str) -> None:
    """Raise Unauthenticated for a channel that is not open to callers without a key."""
    caller = context.caller
    if caller.is_anonymous and not caller.sees_channel(channel):
        raise Unauthenticated("This channel needs an API key: Authorization: Bearer KEY.")


async def availability(
    info: Info,
    channel: str,
    skus: list[str],
    ship_to: AddressInput | None = UNSET,
    service_level: str | None = UNSET,
) -> list[Availability | None]:
    """What the channel may sell of each SKU, in the order asked; null for an unknown one."""
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
