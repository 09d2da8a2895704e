"""Loaders: the edges of one operation, each noun read once per round and in its snapshot."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

import models.queries.reads.access as access
import models.queries.reads.audit as audit
import models.queries.reads.catalog as catalog
import models.queries.reads.exceptions as exceptions
import models.queries.reads.fulfillments as fulfillments
import models.queries.reads.ledger as ledger
import models.queries.reads.orders as orders
import models.queries.reads.policies as policies
import models.queries.reads.refunds as refunds
import models.queries.reads.reservations as reservations
import models.queries.reads.returns as returns
import models.queries.reads.stock as stock
import models.queries.reads.tasks as tasks
from models.queries.scopes import Scope
from models.sessions import Row, Session

K = TypeVar("K", int, UUID)
V = TypeVar("V")

Open = Callable[[], Awaitable[tuple[Session, Scope]]]
Read = Callable[[Session, Sequence[K]], Awaitable[Mapping[K, V]]]
ScopedRead = Callable[[Session, Scope, Sequence[K]], Awaitable[Mapping[K, V]]]


class Loaders:
    """Rows by id, and rows by what they belong to. What is out of scope is not there."""

    def __init__(self, opened: Open) -> None:
        def plain(read: Read[K, V]) -> DataLoader[K, V | None]:
            async def load(keys: list[K]) -> list[V | None]:
                session, _ = await opened()
                found = await read(session, keys)
                return [found.get(key) for key in keys]

            return DataLoader(load)

        def scoped(read: ScopedRead[K, V]) -> DataLoader[K, V | None]:
            async def load(keys: list[K]) -> list[V | None]:
                session, scope = await opened()
                found = await read(session, scope, keys)
                return [found.get(key) for key in keys]

            return DataLoader(load)

        self.items: DataLoader[int, Row | None] = plain(catalog.items_by_id)
        self.suppliers: DataLoader[int, Row | None] = plain(catalog.suppliers_by_id)
        self.locations: DataLoader[int, Row | None] = plain(catalog.locations_by_id)
        self.channels: DataLoader[int, Row | None] = plain(catalog.channels_by_id)
        self.visible_locations = scoped(catalog.visible_locations_by_id)
        self.visible_channels = scoped(catalog.visible_channels_by_id)
        self.channel_locations = plain(catalog.locations_by_channel)
        self.reasons: DataLoader[int, Row | None] = plain(catalog.reasons_by_id)
        self.levels = scoped(stock.levels_by_id)
        self.movements = scoped(stock.movements_by_id)
        self.reservations = scoped(reservations.reservations_by_id)
        self.reservation_lines = scoped(reservations.lines_by_reservation)
        self.orders = scoped(orders.orders_by_id)
        self.order_lines = scoped(orders.lines_by_id)
        self.lines_of_order = plain(orders.lines_by_order)
        self.paid = plain(orders.paid_by_order)
        self.addresses = plain(orders.addresses_by_order)
        self.fulfillments = scoped(fulfillments.fulfillments_by_id)
        self.fulfillments_of_order = scoped(fulfillments.fulfillments_by_order)
        self.lines_of_fulfillment = plain(fulfillments.lines_by_fulfillment)
        self.returns = scoped(returns.returns_by_id)
        self.returns_of_order = scoped(returns.returns_by_order)
        self.return_items = scoped(returns.items_by_id)
        self.items_of_return = plain(returns.items_by_return)
        self.steps_of_return = plain(returns.steps_by_return)
        self.looks_of_return = plain(returns.looks_by_return)
        self.claimed = plain(returns.claimed_by_line)
        self.tasks = scoped(tasks.tasks_by_id)
        self.refunds = scoped(refunds.refunds_by_id)
        self.refunds_of_return = plain(refunds.refunds_by_return)
        self.refunds_of_order = plain(refunds.refunds_by_order)
        self.approvals_of_refund = plain(refunds.approvals_by_refund)
        self.attempts_of_refund = plain(refunds.attempts_by_refund)
        self.entries_of_refund = plain(refunds.entries_by_refund)
        self.order_money = plain(refunds.money_by_order)
        self.periods = plain(ledger.periods_by_id)
        self.entries = scoped(ledger.entries_by_id)
        self.lines_of_entry = plain(ledger.lines_by_entry)
        self.exceptions = scoped(exceptions.exceptions_by_id)
        self.policies = scoped(policies.policies_by_id)
        self.audits = scoped(audit.entries_by_id)
        self.keys = scoped(access.keys_by_id)
