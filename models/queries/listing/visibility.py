"""The channel and the location of every kind of row: one definition for all reads of scoped keys.

Lists, counts, look-ups by id, previews, exports, balances and the audit trail add the conditions of
this module. Events and streams apply the same rule to the columns of an event
(domain/events/visibility.py). The rule is decision 30:

- a row of a channel exists for the keys of the channel; a row without a channel for every channel;
- a row at a location exists for the keys of the location; a row without one, for every location;
- an order, a hold, a refund and a return may touch several locations. Each exists for a key of one
  of them, and shows only its parts there; it also exists for the actor that made it;
- a fact about a whole order (it has a channel and no location) does not exist for a key that is
  limited to locations. An audit row also exists for the actor that caused it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from models.database.rows import RowT
from models.queries.listing.paging import Listing
from models.queries.listing.scopes import CHECKED, Scope

_CHANNELS: Final = "ANY({channels}::bigint[])"
_LOCATIONS: Final = "ANY({locations}::bigint[])"
_PLACE: Final = re.compile(r"\{(channels|locations|actor|kinds)\}")


@dataclass(frozen=True, slots=True)
class Visibility:
    """The conditions on rows of a table, under the alias that they use.

    `channel` is required for a key that is limited to channels, `location` for one that is limited
    to locations; empty: every key sees the row. `whole` is required instead of `location` for an
    audit row, which shows the whole row: empty, the same condition. `kind` is required for a caller
    from which kinds of exceptions are hidden.
    """

    table: str
    key_type: Literal["bigint", "uuid"]
    channel: str = ""
    location: str = ""
    whole: str = ""
    kind: str = ""

    @property
    def key(self) -> str:
        """The column of the key, with the alias of the table."""
        return f"{self.table.split()[1]}.id"

    def within(self, listing: Listing[RowT], scope: Scope) -> Listing[RowT]:
        """Limit a list to the rows that exist for the caller."""
        for condition in self.conditions(scope):
            text, values = bound(condition, scope)
            listing.where(text, *values)
        return listing

    def conditions(self, scope: Scope) -> Iterator[str]:
        """The conditions that a scope needs."""
        if scope.channel_ids is not None and self.channel:
            yield self.channel
        if scope.location_ids is not None and self.location:
            yield self.location
        if scope.hidden_kinds and self.kind:
            yield self.kind

    def also(self, scope: Scope, first: int) -> tuple[str, list[object]]:
        """The conditions of a scope, to follow others: ` AND …`, with values from `$first` on.

        A statement with a LIMIT needs them in itself: rows that do not exist for the caller must
        not take the places of those that do.
        """
        text, values = "", list[object]()
        for condition in self.conditions(scope):
            part, found = bound(condition, scope)
            places = [f"${first + len(values) + place}" for place in range(len(found))]
            text += f" AND {part.format(*places)}"
            values += found
        return text, values


def bound(condition: str, scope: Scope) -> tuple[str, list[object]]:
    """A condition with `{}` for each of its values, and the values of the scope in that order."""
    named: dict[str, object] = {
        "channels": list(scope.channel_ids or ()),
        "locations": list(scope.location_ids or ()),
        "actor": scope.actor,
        "kinds": list(scope.hidden_kinds),
    }
    return _PLACE.sub("{}", condition), [named[name] for name in _PLACE.findall(condition)]


def _of_order(alias: str) -> str:
    return f"{alias}.order_id IN (SELECT id FROM sales_order WHERE channel_id = {_CHANNELS})"


def _optional(column: str, ids: str) -> str:
    return f"({column} IS NULL OR {column} = {ids})"


def _at(alias: str) -> str:
    """Returns (under this alias) whose destination or received units are at the locations."""
    return (
        f"({alias}.destination_id = {_LOCATIONS} OR EXISTS (SELECT 1 FROM return_item t"
        f" WHERE t.return_id = {alias}.id AND t.location_id = {_LOCATIONS}{CHECKED})"
        f" OR {alias}.requested_by = {{actor}})"
    )


# An order exists where it is shipped from or returned to, and for the actor that placed it. One
# without any fulfillment has no location yet; its channel decides.
_ORDER_AT = (
    "(o.actor = {actor} OR EXISTS (SELECT 1 FROM fulfillment f WHERE f.order_id = o.id"
    f" AND f.location_id = {_LOCATIONS}{CHECKED})"
    " OR EXISTS (SELECT 1 FROM customer_return b LEFT JOIN return_item t"
    " ON t.return_id = b.id WHERE b.order_id = o.id"
    f" AND (b.destination_id = {_LOCATIONS} OR t.location_id = {_LOCATIONS})"
    f"{CHECKED})"
    f" OR NOT EXISTS (SELECT 1 FROM fulfillment f WHERE f.order_id = o.id{CHECKED}))"
)

CHANNEL: Final = Visibility("channel t", "bigint", channel=f"t.id = {_CHANNELS}")
# Zones and bins exist where the location that they are in does.
LOCATION: Final = Visibility(
    "location t",
    "bigint",
    location=(
        f"(t.id = {_LOCATIONS} OR (t.kind IN ('ZONE', 'BIN') AND t.id IN ("
        "WITH RECURSIVE below (id) AS ("
        "SELECT l.id FROM location l"
        f" WHERE l.parent_id = {_LOCATIONS} AND l.kind IN ('ZONE', 'BIN')"
        " UNION SELECT l.id FROM location l JOIN below b ON l.parent_id = b.id)"
        " SELECT id FROM below)))"
    ),
)
STOCK_LEVEL: Final = Visibility("stock_level s", "bigint", location=f"s.location_id = {_LOCATIONS}")
# Movements of a hold, an order or a return belong to its channel; others have no channel.
STOCK_MOVEMENT: Final = Visibility(
    "stock_movement m",
    "uuid",
    channel=_optional("m.channel_id", _CHANNELS),
    location=f"m.location_id = {_LOCATIONS}",
)
STOCK_COUNT: Final = Visibility("stock_count c", "uuid", location=f"c.location_id = {_LOCATIONS}")
STOCK_COUNT_LINE: Final = Visibility(
    "stock_count_line l", "uuid", location=f"l.location_id = {_LOCATIONS}"
)
RESERVATION: Final = Visibility(
    "reservation r",
    "uuid",
    channel=f"r.channel_id = {_CHANNELS}",
    location=(
        "(r.actor = {actor} OR EXISTS (SELECT 1 FROM reservation_line l"
        f" WHERE l.reservation_id = r.id AND l.location_id = {_LOCATIONS}{CHECKED}))"
    ),
    whole="FALSE",
)
ORDER: Final = Visibility(
    "sales_order o",
    "uuid",
    channel=f"o.channel_id = {_CHANNELS}",
    location=_ORDER_AT,
    whole="FALSE",
)
FULFILLMENT: Final = Visibility(
    "fulfillment f",
    "uuid",
    channel=_of_order("f"),
    location=f"f.location_id = {_LOCATIONS}",
)
# A hold of a fulfillment is at its location; one of a whole order, where the order is.
FULFILLMENT_HOLD: Final = Visibility(
    "fulfillment_hold h JOIN sales_order o ON o.id = h.order_id",
    "uuid",
    channel=ORDER.channel,
    location=(
        f"(h.fulfillment_id IS NULL AND {_ORDER_AT} OR EXISTS (SELECT 1 FROM fulfillment p"
        f" WHERE p.id = h.fulfillment_id AND p.location_id = {_LOCATIONS}{CHECKED}))"
    ),
)
# A label of a transfer has no channel, and exists at both locations of the transfer.
_TRANSFER_AT = f"(t.origin_id = {_LOCATIONS} OR t.destination_id = {_LOCATIONS}){CHECKED}"
SHIPPING_LABEL: Final = Visibility(
    "shipping_label s",
    "uuid",
    channel=_optional("s.channel_id", _CHANNELS),
    location=(
        f"(s.location_id = {_LOCATIONS} OR EXISTS (SELECT 1 FROM transfer t"
        f" WHERE t.id = s.transfer_id AND {_TRANSFER_AT}))"
    ),
)
# An event that waits for its parcel exists for keys without a limit only.
CARRIER_EVENT: Final = Visibility(
    "carrier_event v",
    "uuid",
    channel=(
        "(EXISTS (SELECT 1 FROM fulfillment f JOIN sales_order o ON o.id = f.order_id"
        f" WHERE f.id = v.fulfillment_id AND o.channel_id = {_CHANNELS}{CHECKED})"
        " OR EXISTS (SELECT 1 FROM customer_return r JOIN sales_order o ON o.id = r.order_id"
        f" WHERE r.id = v.return_id AND o.channel_id = {_CHANNELS}{CHECKED})"
        " OR v.transfer_id IS NOT NULL)"
    ),
    location=(
        "(EXISTS (SELECT 1 FROM fulfillment f WHERE f.id = v.fulfillment_id"
        f" AND f.location_id = {_LOCATIONS}{CHECKED})"
        " OR EXISTS (SELECT 1 FROM customer_return r WHERE r.id = v.return_id"
        f" AND {_at('r')}{CHECKED})"
        " OR EXISTS (SELECT 1 FROM transfer t"
        f" WHERE t.id = v.transfer_id AND {_TRANSFER_AT}))"
    ),
)
# A transfer exists at both of its locations.
TRANSFER: Final = Visibility(
    "transfer t",
    "uuid",
    location=f"(t.origin_id = {_LOCATIONS} OR t.destination_id = {_LOCATIONS})",
    whole=f"(t.origin_id = {_LOCATIONS} AND t.destination_id = {_LOCATIONS})",
)
TASK: Final = Visibility(
    "task t",
    "uuid",
    channel=_optional("t.channel_id", _CHANNELS),
    location=f"t.location_id = {_LOCATIONS}",
)
RETURN: Final = Visibility(
    "customer_return r",
    "uuid",
    channel=_of_order("r"),
    location=_at("r"),
    whole=(
        f"({_at('r')} AND NOT EXISTS (SELECT 1 FROM return_item u WHERE u.return_id = r.id"
        f" AND u.location_id IS NOT NULL AND NOT u.location_id = {_LOCATIONS}{CHECKED}))"
    ),
)
# A refund belongs to its order, and to its return if it has one.
REFUND: Final = Visibility(
    "refund r JOIN sales_order o ON o.id = r.order_id",
    "uuid",
    channel=ORDER.channel,
    location=(
        f"{_ORDER_AT} AND (r.return_id IS NULL OR EXISTS (SELECT 1 FROM customer_return c"
        f" WHERE c.id = r.return_id AND {_at('c')}{CHECKED}))"
    ),
    whole="FALSE",
)
JOURNAL_ENTRY: Final = Visibility(
    "journal_entry e",
    "uuid",
    channel=_optional("e.channel_id", _CHANNELS),
    location=f"e.location_id = {_LOCATIONS}",
)
# Without a channel and a location it concerns the whole installation, as a gateway does. Kinds with
# figures of the whole shop exist for keys without a limit only, those of the books for roles that
# read the books.
OPERATIONAL_EXCEPTION: Final = Visibility(
    "operational_exception x",
    "uuid",
    channel=_optional("x.channel_id", _CHANNELS),
    location=(
        f"(x.location_id = {_LOCATIONS} OR (x.location_id IS NULL AND x.channel_id IS NULL))"
    ),
    kind="NOT x.kind = ANY({kinds}::text[])",
)
# A run of a playbook exists for the keys of one of its channels and locations; without any it
# concerns all of them.
PLAYBOOK_RUN: Final = Visibility(
    "playbook_run r",
    "uuid",
    channel=(
        "(r.channels IS NULL OR EXISTS (SELECT 1 FROM playbook_place p WHERE p.run_id = r.id"
        f" AND p.channel_id = {_CHANNELS}{CHECKED}))"
    ),
    location=(
        "(r.locations IS NULL OR EXISTS (SELECT 1 FROM playbook_place p WHERE p.run_id = r.id"
        f" AND p.location_id = {_LOCATIONS}{CHECKED}))"
    ),
)
# A case about a whole order does not exist for a key that is limited to locations.
ROLLOUT_CASE: Final = Visibility(
    "rollout_case c",
    "uuid",
    channel=f"c.channel_id = {_CHANNELS}",
    location=f"c.location_id = {_LOCATIONS}",
)
ITEM: Final = Visibility("item t", "bigint")
SUPPLIER: Final = Visibility("supplier t", "bigint")
REASON_CODE: Final = Visibility("reason_code t", "bigint")
PERIOD: Final = Visibility("period_close t", "uuid")
