"""Rules of the floor machine about orders: from their placement to the carrier, and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import rule

import models.queries.orders.pick_walks as pick_walks
import workflows.orders.picks as picks
import workflows.reservations.expiry as reservation_expiry
import workflows.tasks.claims as task_claims
from domain.access.callers import Caller
from tests.builders.floor.whole import BOX, GTIN
from tests.builders.transactions import rows
from tests.builders.warehouse import a_parcel
from tests.workflows.floor.machine import ANY, BINS, FEW, PLACES, SKUS, WORKERS, FloorMachine
from workflows.orders.backorders import BackorderRounds
from workflows.transactions.outcomes import Outcome
from workflows.warehouse.scanned_parcels import Scan

CARTS = st.lists(st.tuples(SKUS, st.integers(1, 4)), min_size=1, max_size=2)
PARTS = st.lists(st.integers(0, 2), min_size=2, max_size=2)
SCANNED = st.sampled_from(["TEE-M", "TEE-M", "TEE-S", GTIN, BOX, "COAT", "NOTHING"])
TOTES = st.sampled_from([None, None, "T-1", "T-2"])
STATUSES = st.sampled_from(["IN_TRANSIT", "DELIVERY_FAILED", "DELIVERED", "LOST"])
_UNSCANNED = """
SELECT COALESCE(SUM(l.quantity - l.picked), 0) AS units FROM task t
JOIN fulfillment f ON CAST(f.id AS text) = t.subject_key AND t.subject_type = 'Fulfillment'
JOIN fulfillment_line l ON l.fulfillment_id = f.id
WHERE t.queue = 'PICK' AND t.status = 'CLAIMED' AND t.claimed_by = $1 AND f.status = 'OPEN'
  AND f.location_id = $2 AND t.lease_until_at > $3
"""


class OrderRules(FloorMachine):
    """Orders are placed, picked, packed, shipped, moved, stopped, cancelled and returned."""

    @rule(target=FloorMachine.orders, cart=CARTS, backorder=st.booleans())
    def place(self, cart: list[tuple[str, int]], backorder: bool) -> Outcome:
        place = self.whole.shop.place
        return self.perform(place(*cart, reference=uuid4().hex, backorder=backorder))

    @rule(target=FloorMachine.orders, held=FloorMachine.holds)
    def place_held(self, held: Outcome) -> Outcome:
        hold = held if held.refs else None
        return self.perform(self.whole.shop.place(("TEE-M", 1), reference=uuid4().hex, hold=hold))

    @rule(order=FloorMachine.orders, is_part=st.booleans())
    def cancel(self, order: Outcome, is_part: bool) -> None:
        if order.refs:
            lines = self.work(self.whole.shop.lines(order))
            chosen = [(lines[0]["id"], 1)] if is_part else []
            self.perform(self.whole.shop.cancel(order, *chosen))

    @rule(queue=st.sampled_from(["PICK", "PACK", "SHIP"]), at=PLACES, by=WORKERS)
    def claim(self, queue: str, at: str, by: Caller) -> None:
        self.perform(self.whole.warehouse.claim(queue, at, by=by, limit=2))

    @rule(by=WORKERS, at=PLACES)
    def walk(self, by: Caller, at: str) -> None:
        """The walk of a worker has each unit that its claimed tasks still ask for, once."""

        async def read() -> tuple[int, int]:
            now, database = self.whole.shop.clock.now, self.whole.database
            [place] = await rows(database, "SELECT id FROM location WHERE code = $1", at)
            async with database.snapshot() as session:
                stops = await pick_walks.walk(session, by.actor, place["id"], now)
            [asked] = await rows(database, _UNSCANNED, by.actor, place["id"], now)
            return sum(stop.quantity for stop in stops), int(asked["units"])

        shown, asked = self.runner.run(read())
        assert shown == asked

    @rule(
        number=ANY,
        code=SCANNED,
        quantity=st.sampled_from([1, 1, 1, 2, -1]),
        tote=TOTES,
        into=BINS,
        by=WORKERS,
        is_named=st.booleans(),
    )
    def scan(
        self,
        number: int,
        code: str,
        quantity: int,
        tote: str | None,
        into: str | None,
        by: Caller,
        is_named: bool,
    ) -> None:
        """Scan for a parcel, or for the first claimed task that asks for the item."""
        parcel = self.parcel(number, "OPEN", "PICKED", "PACKED") if is_named else None
        queue = "PICK" if parcel is None or parcel == self.parcel(number, "OPEN") else "PACK"
        at = self._place_of(parcel)
        scan = Scan(code, quantity, parcel, tote, into if queue == "PICK" else None)
        self.perform(self.whole.warehouse.scan(scan, queue=queue, by=by, at=at))

    @rule(number=ANY, by=WORKERS, queue=st.sampled_from(["PICK", "PACK"]), into=BINS)
    def scan_all(self, number: int, by: Caller, queue: str, into: str | None) -> None:
        """Scan each unit of a parcel; one unit more is refused."""
        parcel = self.parcel(number, "OPEN" if queue == "PICK" else "PICKED")
        if parcel is None:
            return
        units = self.find(
            "SELECT i.sku, l.quantity FROM fulfillment_line l JOIN item i ON i.id = l.item_id"
            " WHERE l.fulfillment_id = $1 AND l.quantity > 0 ORDER BY l.id",
            parcel,
        )
        place = into if queue == "PICK" else None
        scans = [Scan(each["sku"], each["quantity"], parcel, None, place) for each in units]
        at = self._place_of(parcel)
        self.perform(self.whole.warehouse.scan(*scans, queue=queue, by=by, at=at))

    def _place_of(self, parcel: object) -> str:
        if parcel is None:
            return "LEEDS"
        [row] = self.find(
            "SELECT l.code FROM fulfillment f JOIN location l ON l.id = f.location_id"
            " WHERE f.id = $1",
            parcel,
        )
        return str(row["code"])

    @rule(number=ANY, by=WORKERS, missing=PARTS)
    def pick(self, number: int, by: Caller, missing: list[int]) -> None:
        parcel = self.parcel(number, "OPEN", "ON_HOLD", "PICKED")
        if parcel is not None:
            short = self.part_of(parcel, missing)
            self.perform(self.whole.warehouse.pick(parcel, *short, by=by))

    @rule(number=ANY, by=WORKERS, units=PARTS)
    def pack(self, number: int, by: Caller, units: list[int]) -> None:
        """Pack into one parcel, or into two if `units` are a part of it."""
        parcel = self.parcel(number, "OPEN", "PICKED")
        if parcel is None:
            return
        first = self.part_of(parcel, units)
        rest = [(line, has - dict(first).get(line, 0)) for line, has in self.lines_of(parcel)]
        rest = [each for each in rest if each[1]]
        parcels = (a_parcel(*first, grams=500), a_parcel(*rest)) if first and rest else ()
        self.perform(self.whole.warehouse.pack(parcel, by, *parcels))

    @rule(number=ANY, by=WORKERS, units=PARTS)
    def split(self, number: int, by: Caller, units: list[int]) -> None:
        parcel = self.parcel(number, "OPEN", "ON_HOLD", "PICKED", "PACKED")
        if parcel is not None:
            part = self.part_of(parcel, units)
            self.perform(self.whole.warehouse.split(parcel, *part, by=by))

    @rule(number=ANY, by=WORKERS)
    def ship(self, number: int, by: Caller) -> None:
        parcel = self.parcel(number, "OPEN", "PICKED", "PACKED")
        if parcel is not None:
            self.perform(self.whole.shop.ship(parcel, by))

    @rule(number=ANY)
    def buy_label(self, number: int) -> None:
        parcel = self.parcel(number, "OPEN", "PICKED", "PACKED")
        if parcel is not None:
            self.perform(self.whole.labels.buy(parcel))
            self.work(self.whole.labels.work())

    @rule(by=WORKERS, at=PLACES, more=st.sampled_from([(), ("T-1",), ("NOTHING", "T-2")]))
    def dispatch(self, by: Caller, at: str, more: tuple[str, ...]) -> None:
        """Scan all parcels of a location that have left their label, and other codes."""
        found = self.find(
            "SELECT f.number FROM fulfillment f JOIN location l ON l.id = f.location_id"
            " WHERE l.code = $1 AND f.tracking_number IS NOT NULL ORDER BY f.created_at, f.number",
            at,
        )
        sent = [row["number"] for row in found]
        self.perform(self.whole.warehouse.dispatch(*sent, *more, by=by, at=at))

    @rule(number=ANY, to=PLACES)
    def reroute(self, number: int, to: str) -> None:
        parcel = self.parcel(number, "OPEN", "ON_HOLD", "PICKED")
        if parcel is not None:
            self.perform(self.whole.warehouse.reroute(parcel, to))

    @rule(order=FloorMachine.orders, minutes=st.sampled_from([None, 5, 15]))
    def hold_order(self, order: Outcome, minutes: int | None) -> None:
        if order.refs:
            until = self._in(minutes)
            self.perform(self.whole.warehouse.hold(order, until=until))

    @rule(number=ANY, minutes=st.sampled_from([None, 5, 15]))
    def hold_parcel(self, number: int, minutes: int | None) -> None:
        parcel = self.parcel(number, "OPEN", "ON_HOLD", "PICKED", "PACKED", "SHIPPED")
        if parcel is not None:
            until = self._in(minutes)
            self.perform(self.whole.warehouse.hold(fulfillment_id=parcel, until=until))

    def _in(self, minutes: int | None) -> Any:
        now = self.whole.shop.clock.now
        return None if minutes is None else now + timedelta(minutes=minutes)

    @rule(number=ANY)
    def release_hold(self, number: int) -> None:
        live = [each for each in self.work(self.whole.warehouse.holds()) if not each["released_at"]]
        if live:
            hold = live[number % len(live)]["id"]
            self.perform(self.whole.warehouse.release_hold(hold))

    @rule(number=ANY, status=STATUSES)
    def carrier(self, number: int, status: str) -> None:
        found = self.find(
            "SELECT carrier, tracking_number FROM fulfillment WHERE tracking_number IS NOT NULL"
            " ORDER BY created_at, number"
        )
        if found:
            row = found[number % len(found)]
            record = self.whole.warehouse.record_event
            of_parcel = {"number": row["tracking_number"], "carrier": row["carrier"]}
            self.perform(record(status, uuid4().hex, **of_parcel))

    @rule(number=ANY, units=FEW, sku=SKUS, into=BINS, grade=st.sampled_from(["NEW", "DAMAGED"]))
    def take_back(self, number: int, units: int, sku: str, into: str | None, grade: str) -> None:
        """Receive units of an order into a bin of the returns desk, and inspect them."""
        found = self.find("SELECT number FROM sales_order ORDER BY placed_at, number")
        if not found:
            return
        order = found[number % len(found)]["number"]
        desk = self.whole.returns
        facts = {"order_number": order, "bin_code": into}
        came = self.perform(desk.receive(None, (sku, units), **facts))
        if "return" not in came.refs:
            return
        for group in self.work(desk.groups(came)):
            if group["state"] == "RECEIVED" and not came.refusals:
                part = (group["id"], min(units, group["quantity"]), grade)
                self.perform(desk.inspect(came, part))

    @rule(minutes=st.sampled_from([10, 20, 61]))
    def wait(self, minutes: int) -> None:
        """Move the clock, and run the jobs that look at it."""
        transactions = self.whole.shop.transactions
        self.whole.shop.clock.forward(minutes=minutes)
        self.work(reservation_expiry.sweep(transactions))
        self.work(transactions.run(task_claims.release_expired))
        self.work(self.whole.warehouse.release_due())

    @rule(is_booked=st.booleans())
    def serve(self, is_booked: bool) -> None:
        """Run the jobs that follow what was done before."""
        transactions = self.whole.shop.transactions
        if is_booked:
            self.work(picks.book_waiting(transactions))
        self.work(BackorderRounds(transactions).serve())
        self.work(self.whole.floor.go_round())
