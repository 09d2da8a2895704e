"""The loaders of one operation: rows by key, from its snapshot and within its scope."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Generic, TypeVar
from uuid import UUID

import models.queries.catalog.item_codes as code_queries
import models.queries.continuity.reads as run_reads
import models.queries.counts.reads as count_reads
import models.queries.integrations.health as health_queries
import models.queries.integrations.reads as integration_reads
import models.queries.reads.access as access_reads
import models.queries.reads.audit as audit_reads
import models.queries.reads.bins as bin_reads
import models.queries.reads.carriers as carrier_reads
import models.queries.reads.catalog as catalog_reads
import models.queries.reads.exceptions as exception_reads
import models.queries.reads.fulfillments as fulfillment_reads
import models.queries.reads.ledger as ledger_reads
import models.queries.reads.orders as order_reads
import models.queries.reads.policies as policy_reads
import models.queries.reads.refunds as refund_reads
import models.queries.reads.reservations as reservation_reads
import models.queries.reads.returns as return_reads
import models.queries.reads.stock as stock_reads
import models.queries.reads.tasks as task_reads
import models.queries.stock.picks as pick_queries
import models.queries.webhooks.reads as message_reads
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from models.queries.listing.selections import ShownColumns
from server.projection.loader import Loader, Narrow

K = TypeVar("K", int, UUID)
V = TypeVar("V")

Open = Callable[[], Awaitable[tuple[Session, Scope]]]
Read = Callable[[Session, Sequence[K]], Awaitable[Mapping[K, V]]]
ScopedRead = Callable[[Session, Scope, Sequence[K]], Awaitable[Mapping[K, V]]]
RelatedRead = Callable[[Session, Scope, Sequence[K], ShownColumns], Awaitable[Mapping[K, V]]]


@dataclass
class Loaded(Generic[K, V]):
    """An attribute of `Loaders` that creates its loader at first use: most operations need few."""

    read: ScopedRead[K, V]
    read_columns: RelatedRead[K, V] | None = None

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, loaders: "Loaders", _: type) -> Loader[K, V]:
        # No reference to `loaders`: a cycle would delay its release until garbage collection.
        opened = loaders.opened

        async def read(keys: Sequence[K]) -> Mapping[K, V]:
            return await self.read(*await opened(), keys)

        made = Loader(read, self._narrow(opened))
        # Further look-ups find the attribute on the instance, not this descriptor.
        loaders.__dict__[self._name] = made
        return made

    def _narrow(self, opened: Open) -> Narrow[K, V] | None:
        read_columns = self.read_columns
        if read_columns is None:
            return None

        def narrow(columns: frozenset[str]) -> Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]:
            async def read(keys: Sequence[K]) -> Mapping[K, V]:
                return await read_columns(*await opened(), keys, columns)

            return read

        return narrow


def related(read: RelatedRead[K, V]) -> Loaded[K, V]:
    """A loader of related rows that the caller may see; a document may show few columns."""

    async def read_all(session: Session, scope: Scope, keys: Sequence[K]) -> Mapping[K, V]:
        return await read(session, scope, keys, None)

    return Loaded(read_all, read)


def plain_related(
    read: Callable[[Session, Sequence[K], ShownColumns], Awaitable[Mapping[K, V]]],
) -> Loaded[K, V]:
    """A loader of related rows that every caller may see."""

    async def unscoped(
        session: Session, _: Scope, keys: Sequence[K], columns: ShownColumns
    ) -> Mapping[K, V]:
        return await read(session, keys, columns)

    return related(unscoped)


def scoped(read: ScopedRead[K, V]) -> Loaded[K, V]:
    """A loader of the rows that the caller may see."""
    return Loaded(read)


def plain(read: Read[K, V]) -> Loaded[K, V]:
    """A loader of rows that every caller may see."""

    @wraps(read)
    async def unscoped(session: Session, _: Scope, keys: Sequence[K]) -> Mapping[K, V]:
        return await read(session, keys)

    return Loaded(unscoped)


class Loaders:
    """Rows by id, and rows by their owner. Rows outside the caller's scope are missing."""

    def __init__(self, opened: Open) -> None:
        self.opened = opened

    items = plain(catalog_reads.items_by_id)
    codes_of_item = plain(code_queries.codes_by_item)
    suppliers = plain(catalog_reads.suppliers_by_id)
    locations = plain(catalog_reads.locations_by_id)
    channels = plain(catalog_reads.channels_by_id)
    visible_locations = scoped(catalog_reads.visible_locations_by_id)
    visible_channels = scoped(catalog_reads.visible_channels_by_id)
    channel_locations = plain(catalog_reads.locations_by_channel)
    reasons = plain(catalog_reads.reasons_by_id)
    levels = scoped(stock_reads.levels_by_id)
    unbooked_picks = plain(pick_queries.units_by_level)
    bins_of_level = plain(bin_reads.bins_by_level)
    contents_of_bin = scoped(bin_reads.contents_by_bin)
    counted_levels = plain(count_reads.counted_levels_by_id)
    stock_counts = scoped(count_reads.counts_by_id)
    count_lines = scoped(count_reads.lines_by_id)
    attempts_of_line = plain(count_reads.attempts_by_line)
    places_of_attempt = plain(count_reads.places_by_attempt)
    movements = scoped(stock_reads.movements_by_id)
    reservations = scoped(reservation_reads.reservations_by_id)
    reservation_lines = scoped(reservation_reads.lines_by_reservation)
    orders = scoped(order_reads.orders_by_id)
    order_lines = scoped(order_reads.lines_by_id)
    lines_of_order = plain_related(order_reads.lines_by_order)
    paid = plain(order_reads.paid_by_order)
    addresses = plain(order_reads.addresses_by_order)
    fulfillments = scoped(fulfillment_reads.fulfillments_by_id)
    fulfillments_of_order = related(fulfillment_reads.fulfillments_by_order)
    packing_slips = plain(fulfillment_reads.slips_by_fulfillment)
    fulfillment_holds = scoped(fulfillment_reads.holds_by_id)
    holds_of_fulfillment = plain(fulfillment_reads.holds_by_fulfillment)
    lines_of_fulfillment = plain_related(fulfillment_reads.lines_by_fulfillment)
    carrier_events = scoped(carrier_reads.events_by_id)
    tracking_of_fulfillment = plain(carrier_reads.tracking_by_fulfillment)
    tracking_of_return = plain(carrier_reads.tracking_by_return)
    tracking_of_transfer = plain(carrier_reads.tracking_by_transfer)
    labels = scoped(carrier_reads.labels_by_id)
    label_of_fulfillment = scoped(carrier_reads.live_labels_by_fulfillment)
    label_of_return = scoped(carrier_reads.live_labels_by_return)
    label_of_transfer = scoped(carrier_reads.live_labels_by_transfer)
    label_documents = plain(carrier_reads.documents_by_label)
    returns = scoped(return_reads.returns_by_id)
    returns_of_order = related(return_reads.returns_by_order)
    return_items = scoped(return_reads.items_by_id)
    items_of_return = related(return_reads.items_by_return)
    groups_of_return = plain(return_reads.groups_by_return)
    steps_of_return = plain(return_reads.steps_by_return)
    inspections_of_return = plain(return_reads.inspections_by_return)
    claimed = plain(return_reads.claimed_by_line)
    tasks = scoped(task_reads.tasks_by_id)
    transfers = scoped(stock_reads.transfers_by_id)
    lines_of_transfer = plain_related(stock_reads.lines_by_transfer)
    refunds = scoped(refund_reads.refunds_by_id)
    refunds_of_return = related(refund_reads.refunds_by_return)
    refunds_of_order = related(refund_reads.refunds_by_order)
    approvals_of_refund = plain(refund_reads.approvals_by_refund)
    attempts_of_refund = plain(refund_reads.attempts_by_refund)
    entries_of_refund = plain(refund_reads.entries_by_refund)
    order_money = plain(refund_reads.money_by_order)
    periods = plain(ledger_reads.periods_by_id)
    entries = scoped(ledger_reads.entries_by_id)
    lines_of_entry = plain(ledger_reads.lines_by_entry)
    exceptions = scoped(exception_reads.exceptions_by_id)
    steps_of_exception = plain(exception_reads.steps_by_exception)
    policies = scoped(policy_reads.policies_by_id)
    playbook_runs = scoped(run_reads.runs_by_id)
    measures_of_run = plain(run_reads.measures_by_run)
    audits = scoped(audit_reads.entries_by_id)
    integrations = scoped(integration_reads.integrations_by_id)
    messages = scoped(message_reads.messages_by_id)
    attempts_of_message = plain(message_reads.attempts_by_message)
    secrets_of_integration = plain(integration_reads.secrets_by_integration)
    health_of_integration = plain(health_queries.health_by_integration)
    keys = scoped(access_reads.keys_by_id)
