"""Refunds opened by people: goodwill, exact limits, bands, separate approvers, cancellations."""

from typing import Any
from uuid import UUID

import orjson
import pytest

import workflows.refunds.cancellation_refunds
from domain.access.callers import Caller, Role, holder
from domain.policies.policies import PolicyKind
from domain.policies.refunds import Tender
from domain.values.money import Money
from models.database.database import Database
from models.database.sessions import CheckFailed
from tests.builders.refunds import CLERK, FIONA, FRED, RefundDesk, open_refund_desk
from tests.builders.store import pounds
from tests.builders.tampering import tamper
from tests.builders.transactions import codes, counts, rows
from workflows.orders.commands import Payment
from workflows.refunds.decidable import decidable_by
from workflows.transactions.outcomes import Outcome

TABLES = ("refund", "refund_unit", "refund_approval", "refund_attempt", "journal_entry", "event")


@pytest.fixture
async def refund_desk(database: Database) -> RefundDesk:
    return await open_refund_desk(database)


@pytest.fixture
async def order(refund_desk: RefundDesk) -> Outcome:
    """Ten shirts at ten pounds, paid and shipped."""
    return await refund_desk.desk.sold(("TEE-M", 10))


async def test_goodwill_needs_an_approval_and_is_booked_when_it_has_it(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    made = await refund_desk.create(order, "12.50")
    refund = await refund_desk.find(made)
    assert (refund["status"], refund["kind"], refund["approvals_required"]) == (
        "NEEDS_APPROVAL",
        "GOODWILL",
        1,
    )
    assert "refund_liability" not in await refund_desk.balances()
    assert not (await refund_desk.approve(made)).refusals
    balances = await refund_desk.balances()
    assert (balances["refund_liability"], balances["sales_returns"]) == (-1250, 1250)
    await refund_desk.pay()
    assert await refund_desk.status(made) == "SUCCEEDED"
    assert (await refund_desk.find(made))["gateway_reference"] == "gw-1"
    assert (await refund_desk.balances())["payments_clearing"] == 10000 - 1250


async def test_store_credit_goes_to_no_gateway(refund_desk: RefundDesk, order: Outcome) -> None:
    made = await refund_desk.create(order, "5.00", tender=Tender.STORE_CREDIT)
    await refund_desk.approve(made)
    await refund_desk.pay()
    assert await refund_desk.status(made) == "SUCCEEDED"
    assert refund_desk.gateway.sent == []
    balances = await refund_desk.balances()
    assert (balances["store_credit_liability"], balances["payments_clearing"]) == (-500, 10000)


async def test_a_penny_above_the_balance_is_refused(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    before = await counts(refund_desk.database, *TABLES)
    refused = await refund_desk.create(order, "100.01")
    assert codes(refused) == [("REFUND_EXCEEDS_BALANCE", ("input", "amount"))]
    assert refused.refusals[0].details["maximumRefundable"] == "100.00"
    assert await counts(refund_desk.database, *TABLES) == before
    assert not (await refund_desk.create(order, "100.00")).refusals
    assert codes(await refund_desk.create(order, "0.01")) == [
        ("REFUND_EXCEEDS_BALANCE", ("input", "amount"))
    ]


async def test_ten_refunds_of_99_do_not_pass_as_small_ones(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.publish(
        PolicyKind.REFUND,
        {
            "evidence": ["INSPECTED"],
            "bands": {
                "GBP": [
                    {"upTo": "100.00", "approvers": 0},
                    {"upTo": "500.00", "approvers": 1},
                    {"upTo": None, "approvers": 2},
                ]
            },
        },
    )
    order = await refund_desk.desk.sold(("COAT", 12), payments=(Payment("card", pounds("120.00")),))
    assert codes(await refund_desk.create(order, "120.01")) == [
        ("REFUND_EXCEEDS_BALANCE", ("input", "amount"))
    ]
    large = await refund_desk.desk.sold(
        ("TEE-M", 20), ("TEE-S", 20), ("TEE-L", 20), reference="W-2"
    )
    needed = []
    for _ in range(6):
        made = await refund_desk.create(large, "99.00")
        needed.append((await refund_desk.find(made))["approvals_required"])
    assert needed == [1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("facts", "code", "field"),
    [
        ({"amount": "0"}, "INVALID", ("amount", "amount")),
        ({"amount": "-1.00"}, "INVALID", ("amount", "amount")),
        ({"money": Money(100, "EUR")}, "INVALID", ("amount", "currencyCode")),
        ({"note": " "}, "INVALID", ("note",)),
        ({"note": "x" * 2001}, "INVALID", ("note",)),
        ({"reason": "NOPE"}, "NOT_FOUND", ("reasonCode",)),
    ],
)
async def test_bad_input_names_the_field_and_changes_nothing(
    refund_desk: RefundDesk,
    order: Outcome,
    facts: dict[str, Any],
    code: str,
    field: tuple[str, ...],
) -> None:
    before = await counts(refund_desk.database, *TABLES)
    requested = {"amount": "1.00", **facts}
    assert codes(await refund_desk.create(order, **requested)) == [(code, ("input", *field))]
    assert await counts(refund_desk.database, *TABLES) == before


async def test_a_return_of_another_order_is_not_found(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    other = await refund_desk.desk.requested(("TEE-S", 1), reference="W-2")
    refused = await refund_desk.create(order, "1.00", return_id=refund_desk.desk.id(other))
    assert codes(refused) == [("NOT_FOUND", ("input", "returnId"))]


async def test_another_channels_refunds_do_not_exist(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    made = await refund_desk.create(order, "1.00")
    stranger = holder(Role.FINANCE, actor="otto", channels=frozenset({"market"}))
    assert codes(await refund_desk.create(order, "1.00", stranger)) == [
        ("NOT_FOUND", ("input", "orderId"))
    ]
    assert codes(await refund_desk.approve(made, stranger)) == [("NOT_FOUND", ("id",))]
    assert codes(await refund_desk.cancel(made, stranger)) == [("NOT_FOUND", ("id",))]


async def test_goods_still_on_their_way_out_are_not_refundable(refund_desk: RefundDesk) -> None:
    order = await refund_desk.shop.place(("TEE-M", 4))
    assert codes(await refund_desk.create(order, "0.01")) == [
        ("REFUND_EXCEEDS_BALANCE", ("input", "amount"))
    ]


async def test_no_actor_approves_alone_or_with_a_second_key(refund_desk: RefundDesk) -> None:
    await refund_desk.shop.receive(20, "COAT")
    order = await refund_desk.desk.sold(("COAT", 40), payments=(Payment("card", pounds("400.00")),))
    made = await refund_desk.create(order, "60.00", CLERK)
    second_key = holder(Role.FINANCE, actor=CLERK.actor)
    refused = await refund_desk.approve(made, second_key)
    assert codes(refused) == [("SELF_APPROVAL", ("id",))]
    assert refused.refusals[0].details["part"] == "requested"
    assert await refund_desk.status(made) == "NEEDS_APPROVAL"


async def test_above_the_highest_band_two_different_actors_must_agree(
    refund_desk: RefundDesk,
) -> None:
    order = await refund_desk.desk.sold(("TEE-M", 20), ("TEE-S", 20), ("TEE-L", 20))
    made = await refund_desk.create(order, "501.00")
    assert (await refund_desk.find(made))["approvals_required"] == 2
    assert not (await refund_desk.approve(made, FIONA)).refusals
    assert await refund_desk.status(made) == "NEEDS_APPROVAL"
    again = await refund_desk.approve(made, holder(Role.SUPERVISOR, actor=FIONA.actor))
    assert codes(again) == [("SELF_APPROVAL", ("id",))]
    assert again.refusals[0].details["part"] == "approved"
    assert not (await refund_desk.approve(made, FRED)).refusals
    assert await refund_desk.status(made) == "APPROVED"
    approvals = await rows(refund_desk.database, "SELECT actor FROM refund_approval ORDER BY actor")
    assert [row["actor"] for row in approvals] == ["fiona", "fred"]


async def test_actors_of_the_return_cannot_approve(
    refund_desk: RefundDesk,
) -> None:
    a_return = await refund_desk.desk.requested(("TEE-M", 1))
    await refund_desk.desk.receive(a_return, ("TEE-M", 1))
    [group] = await refund_desk.desk.groups(a_return)
    await refund_desk.desk.inspect(a_return, (group["id"], 1, "COUNTERFEIT"))
    [refund] = await refund_desk.refunds()
    for actor, part in (("susan", "requested"), ("ivy", "inspected")):
        refused = await refund_desk.approve(refund, holder(Role.FINANCE, actor=actor))
        assert codes(refused) == [("SELF_APPROVAL", ("id",))]
        assert refused.refusals[0].details["part"] == part
    assert not (await refund_desk.approve(refund, FIONA)).refusals


@pytest.mark.parametrize(
    "limit", [pounds("9.99"), Money(100_000, "EUR")], ids=["below", "another currency"]
)
async def test_a_grant_is_of_one_currency_up_to_its_limit(
    refund_desk: RefundDesk, order: Outcome, limit: Money
) -> None:
    made = await refund_desk.create(order, "10.00")
    refused = await refund_desk.approve(
        made, holder(Role.FINANCE, actor="lena", refund_limit=limit)
    )
    assert codes(refused) == [("GRANT_EXCEEDED", ("id",))]
    assert await refund_desk.status(made) == "NEEDS_APPROVAL"
    enough = holder(Role.FINANCE, actor="lena", refund_limit=pounds("10.00"))
    assert not (await refund_desk.approve(made, enough)).refusals


async def test_a_grant_counts_what_its_actor_approved_on_the_order(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    def lena(limit: str) -> Caller:
        return holder(Role.FINANCE, actor="lena", refund_limit=pounds(limit))

    async def decidable(limit: str) -> list[UUID]:
        async with refund_desk.database.snapshot() as session:
            return await decidable_by(session, lena(limit))

    first, second = [await refund_desk.create(order, "6.00") for _ in range(2)]
    assert len(await decidable("10.00")) == 2
    assert not (await refund_desk.approve(first, lena("10.00"))).refusals
    assert await decidable("10.00") == await decidable("11.99") == []
    assert await decidable("12.00") == [UUID(str(refund_desk.id(second)))]
    before = await rows(refund_desk.database, "SELECT refund_id, actor FROM refund_approval")
    refused = await refund_desk.approve(second, lena("10.00"))
    assert codes(refused) == [("GRANT_EXCEEDED", ("id",))]
    assert refused.refusals[0].details["amount"] == "12.00"
    assert "6.00 approved on the order before" in str(refused.refusals[0])
    assert await refund_desk.status(second) == "NEEDS_APPROVAL"
    assert before == await rows(
        refund_desk.database, "SELECT refund_id, actor FROM refund_approval"
    )
    # Another key of the same actor counts for the same actor; another actor starts at zero.
    assert codes(await refund_desk.approve(second, lena("11.99"))) == [("GRANT_EXCEEDED", ("id",))]
    assert not (await refund_desk.cancel(first)).refusals
    assert not (await refund_desk.approve(second, lena("10.00"))).refusals


async def test_a_grant_covers_an_amount_that_was_split_over_payments(
    refund_desk: RefundDesk,
) -> None:
    paid = (Payment("card", pounds("60.00")), Payment("gift", pounds("40.00")))
    order = await refund_desk.desk.sold(("TEE-M", 10), payments=paid)
    made = await refund_desk.create(order, "90.00")
    assert len(made.refs["refunds"]) == 2
    short = holder(Role.FINANCE, actor="lena", refund_limit=pounds("60.00"))
    for refund in made.refs["refunds"]:
        assert codes(await refund_desk.approve(refund, short)) == [("GRANT_EXCEEDED", ("id",))]
        assert not (await refund_desk.approve(refund, FIONA)).refusals


async def test_a_rejected_refund_frees_its_balance_and_books_nothing(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    made = await refund_desk.create(order, "100.00")
    before = await refund_desk.balances()
    assert not (await refund_desk.reject(made)).refusals
    assert (await refund_desk.find(made))["closing_note"] == "No."
    assert await refund_desk.balances() == before
    assert not (await refund_desk.create(order, "100.00")).refusals


async def test_a_cancelled_refund_takes_its_debt_back(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    before = await refund_desk.balances()
    made = await refund_desk.create(order, "100.00")
    await refund_desk.approve(made)
    assert (await refund_desk.balances())["refund_liability"] == -10000
    assert not (await refund_desk.cancel(made)).refusals
    assert await refund_desk.balances() == before
    refund = await refund_desk.find(made)
    turned = await rows(
        refund_desk.database,
        "SELECT memo FROM journal_entry WHERE reverses_id = $1",
        refund["decided_entry_id"],
    )
    assert len(turned) == 1
    assert not (await refund_desk.create(order, "100.00")).refusals


async def test_a_cancellation_is_refunded_by_itself(refund_desk: RefundDesk) -> None:
    order = await refund_desk.shop.place(("TEE-M", 3), shipping=pounds("5.00"))
    assert not (await refund_desk.shop.cancel(order)).refusals
    [refund] = await refund_desk.refunds()
    assert (refund["status"], refund["amount_minor"], refund["kind"]) == (
        "APPROVED",
        3500,
        "CANCELLATION",
    )
    assert orjson.loads(refund["decision"])["outcome"] == "APPROVED"
    assert (await refund_desk.balances())["refund_liability"] == -3500
    await refund_desk.pay()
    assert {"refund_liability", "payments_clearing"}.isdisjoint(await refund_desk.balances())


async def test_cancellations_of_old_times_get_their_refunds(refund_desk: RefundDesk) -> None:
    order = await refund_desk.shop.place(("TEE-M", 3))
    [line] = await refund_desk.shop.lines(order)
    await refund_desk.shop.cancel(order, (line["id"], 1))
    await refund_desk.shop.cancel(order, (line["id"], 1))
    async with refund_desk.database.writer() as session:
        for table in ("refund_unit", "refund"):
            await session.execute(f"DELETE FROM {table}")
        await session.execute("UPDATE order_payment SET drawn_minor = 0")
    await tamper(refund_desk.database.url, "UPDATE order_cancellation SET entry_id = NULL")
    assert (
        await workflows.refunds.cancellation_refunds.open_for_old_cancellations(
            refund_desk.shop.transactions
        )
        == 1
    )
    assert (
        await workflows.refunds.cancellation_refunds.open_for_old_cancellations(
            refund_desk.shop.transactions
        )
        == 0
    )
    assert [refund["amount_minor"] for refund in await refund_desk.refunds()] == [1000, 1000]
    await refund_desk.pay()
    assert "refund_liability" not in await refund_desk.balances()


async def test_money_of_a_cancellation_that_was_not_paid_back_may_be_given_otherwise(
    refund_desk: RefundDesk,
) -> None:
    order = await refund_desk.shop.place(("TEE-M", 3))
    await refund_desk.shop.cancel(order)
    [refund] = await refund_desk.refunds()
    assert not (await refund_desk.cancel(refund)).refusals
    # The cancelled order still owes the money.
    assert (await refund_desk.balances())["refund_liability"] == -3000
    made = await refund_desk.create(order, "30.00", tender=Tender.STORE_CREDIT)
    assert (await refund_desk.find(made))["owed_minor"] == 3000
    await refund_desk.approve(made)
    await refund_desk.pay()
    balances = await refund_desk.balances()
    assert "refund_liability" not in balances
    assert "sales_returns" not in balances
    assert balances["store_credit_liability"] == -3000


async def test_the_database_itself_refuses_more_than_was_captured(
    refund_desk: RefundDesk, order: Outcome
) -> None:
    with pytest.raises(CheckFailed):
        async with refund_desk.database.writer() as session:
            await session.execute("UPDATE order_payment SET drawn_minor = amount_minor + 1")
    assert not (await refund_desk.create(order, "1.00")).refusals


@pytest.mark.parametrize("table", ["refund_approval", "order_cancellation_line"])
async def test_recorded_approvals_never_change(
    refund_desk: RefundDesk, order: Outcome, table: str
) -> None:
    made = await refund_desk.create(order, "1.00")
    await refund_desk.approve(made)
    placed = await refund_desk.shop.place(("TEE-S", 1), reference="W-9")
    await refund_desk.shop.cancel(placed)
    with pytest.raises(CheckFailed):
        async with refund_desk.database.writer() as session:
            await session.execute(f"DELETE FROM {table}")


async def test_an_attempt_keeps_its_key(refund_desk: RefundDesk, order: Outcome) -> None:
    made = await refund_desk.create(order, "1.00")
    await refund_desk.approve(made)
    await refund_desk.pay()
    for statement in ("UPDATE refund_attempt SET key = 'other'", "DELETE FROM refund_attempt"):
        with pytest.raises(CheckFailed):
            async with refund_desk.database.writer() as session:
                await session.execute(statement)


async def test_the_same_key_opens_one_refund(refund_desk: RefundDesk, order: Outcome) -> None:
    first = await refund_desk.create(order, "1.00", key="k-1")
    second = await refund_desk.create(order, "1.00", key="k-1")
    assert second.replayed
    assert second.refs == first.refs
    assert len(await refund_desk.refunds()) == 1
