"""Postal addresses."""

import strawberry

from models.orders import OrderAddressRow
from schema.fields.scalars import json_of


@strawberry.type
class Address:
    """Destination of an order. Personal data, which may be erased."""

    country_code: str
    """ISO 3166-1 alpha-2."""
    postal_code: str | None
    region: str | None
    """State, county or province."""
    city: str | None
    lines: list[str] | None
    """Street and house number, in the order of writing."""
    name: str | None
    """Name of the recipient."""
    phone: str | None
    """For the carrier."""
    email: str | None
    """For the carrier."""

    @staticmethod
    def from_row(row: OrderAddressRow) -> "Address":
        """A row of order_address."""
        return Address(
            country_code=row["country_code"],
            postal_code=row["postal_code"],
            region=row["region"],
            city=row["city"],
            lines=json_of(row["lines"]),
            name=row["name"],
            phone=row["phone"],
            email=row["email"],
        )


@strawberry.input
class AddressInput:
    """Destination. Lead times depend on its country."""

    country_code: str
    """ISO 3166-1 alpha-2."""
    postal_code: str | None = strawberry.UNSET
    """At most 255 characters."""
    region: str | None = strawberry.UNSET
    """State, county or province; at most 255 characters."""
    city: str | None = strawberry.UNSET
    """At most 255 characters."""
    lines: list[str] | None = strawberry.UNSET
    """Street and house number, in the order of writing; at most 10 lines of at most 255 characters.
    """
    name: str | None = strawberry.UNSET
    """Name of the recipient; at most 255 characters."""
    phone: str | None = strawberry.UNSET
    """For the carrier; at most 255 characters."""
    email: str | None = strawberry.UNSET
    """For the carrier; at most 255 characters."""
