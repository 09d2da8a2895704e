"""Each kind of exception: real events, or the clock, that open it, repeat it and clear it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import tests.resolvers.exceptions.floor_steps as floor
import tests.resolvers.exceptions.money_steps as money
import tests.resolvers.exceptions.webhook_steps as webhooks
from domain.exceptions import ExceptionKind as Kind
from tests.resolvers.exceptions.kind_desk import KindDesk

Step = Callable[[KindDesk], Awaitable[object]]


@dataclass(frozen=True)
class KindCase:
    """Steps that open a kind, report it again, clear it, and open it again within the hour.

    `clear` None: a person resolves it. `back` None: the subject has ended for good. `units` of the
    item are in LEEDS.
    """

    open: Step
    again: Step
    clear: Step | None
    back: Step | None = None
    units: int = 9


CASES: Mapping[Kind, KindCase] = {
    Kind.OVERSOLD: KindCase(
        floor.sell_too_much,
        floor.look_again,
        partial(floor.supply, units=2),
        floor.find_fewer,
        units=0,
    ),
    Kind.SHORT_PICK: KindCase(floor.pick_last_unit_short, floor.look_again, floor.supply),
    Kind.COUNT_VARIANCE: KindCase(
        floor.pick_short, floor.pick_short, floor.count_shelf, floor.pick_short
    ),
    Kind.RESERVATION_EXPIRED_AFTER_PAYMENT: KindCase(
        floor.pay_too_late, floor.place_paid, floor.place_after_all
    ),
    Kind.ORDER_LATE: KindCase(floor.order_late, floor.look_again, floor.ship_order),
    Kind.CARRIER_DELAY: KindCase(
        partial(floor.ship_and_report, status="DELIVERY_FAILED"),
        partial(floor.report, status="DELIVERY_FAILED"),
        partial(floor.report, status="DELIVERED"),
    ),
    Kind.PARCEL_LOST: KindCase(
        partial(floor.ship_and_report, status="LOST"),
        partial(floor.report, status="LOST"),
        partial(floor.report, status="DELIVERED"),
    ),
    Kind.CARRIER_CONFLICT: KindCase(floor.contradict, floor.report_otherwise, None),
    Kind.HOLD_OVERDUE: KindCase(floor.hold_for_a_day, floor.look_again, floor.release),
    Kind.LABEL_FAILED: KindCase(floor.fail_to_buy, floor.look_again, floor.buy),
    Kind.PUTAWAY_OVERDUE: KindCase(
        floor.leave_unbinned, floor.look_again, floor.put_away, floor.leave_unbinned_again
    ),
    Kind.RETURN_OVERDUE: KindCase(money.wait_for_return, floor.look_again, money.receive),
    Kind.RETURN_DISCREPANCY: KindCase(
        money.receive_wrong_item,
        money.receive_other_item,
        money.dispose_of_others,
        money.receive_other_item,
    ),
    Kind.UNIDENTIFIED_PARCEL: KindCase(money.find_parcel, floor.look_again, money.dispose),
    Kind.INSPECTION_OVERDUE: KindCase(
        money.wait_for_inspection, floor.look_again, money.inspect, money.wait_for_inspection_again
    ),
    Kind.REFUND_OVERDUE: KindCase(money.refuse_refund, floor.look_again, money.retry),
    Kind.REFUND_UNKNOWN: KindCase(money.lose_track, money.ask_gateway, money.settle),
    Kind.REFUND_RECOVERY: KindCase(money.refund_too_early, money.let_returns_expire, None),
    Kind.RETURN_SPIKE: KindCase(
        money.return_many, money.watch_returns, money.pass_a_week, money.return_many_again
    ),
    Kind.TRANSFER_OVERDUE: KindCase(floor.send_for_days, floor.look_again, floor.unload),
    Kind.TRANSFER_DISCREPANCY: KindCase(
        floor.lose_on_the_way, floor.report_loss_again, floor.write_off
    ),
    Kind.INTEGRATION_DOWN: KindCase(
        money.silence_gateway, money.fall_again, money.answer, money.be_silent_again
    ),
    Kind.MESSAGE_PARKED: KindCase(
        webhooks.park, webhooks.park_another, webhooks.skip_all, webhooks.park_another
    ),
    Kind.WEBHOOK_DISABLED: KindCase(
        webhooks.disable, floor.look_again, webhooks.skip_and_resume, webhooks.fail_again
    ),
    Kind.LEDGER_DRIFT: KindCase(
        money.drift, money.prove, partial(money.drift, units=-1), money.drift
    ),
}
