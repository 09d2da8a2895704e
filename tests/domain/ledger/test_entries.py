from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.ledger.entries as ledger_entries
from domain.errors import PeriodNotOpen, UnbalancedEntry
from domain.ledger.accounts import ACCOUNT_NAMES, Account
from domain.ledger.entries import LedgerEntry, LedgerLine, Occasion, Sale
from domain.refunds.accounts import CustomerAccount
from domain.refunds.parts import NOTHING, Parts
from domain.stock.states import StockState
from domain.values.money import Money

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OCCASION = Occasion("R-1", NOW)
minors = st.integers(0, 10**9)


def posted(entry: LedgerEntry) -> dict[tuple[str, str], int]:
    """(account, currency) → debit minus credit."""
    sums: dict[tuple[str, str], int] = {}
    for line in entry.lines:
        key = (line.account, line.currency)
        sums[key] = sums.get(key, 0) + line.debit_minor - line.credit_minor
    return sums


def gbp(amounts: dict[str, int]) -> dict[tuple[str, str], int]:
    return {(account, "GBP"): minor for account, minor in amounts.items()}


def test_an_entry_that_does_not_balance_cannot_be_made() -> None:
    lines = (LedgerLine("sales", "GBP", 0, 100), LedgerLine("receivables", "EUR", 100, 0))
    with pytest.raises(UnbalancedEntry) as refusal:
        LedgerEntry("No", "R-1", NOW, lines)
    assert refusal.value.details["creditMinor"] == 100


@pytest.mark.parametrize("sides", [(0, 0), (1, 1), (-1, 0), (0, -1)])
def test_a_line_is_a_debit_or_a_credit(sides: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="debit"):
        LedgerLine("sales", "GBP", *sides)


def test_every_account_has_a_name_for_people() -> None:
    assert ACCOUNT_NAMES[Account.COST_OF_GOODS_SOLD] == "Cost of goods sold"
    assert set(ACCOUNT_NAMES) == {account.value for account in Account}


def test_a_receipt_is_owed_to_the_supplier() -> None:
    entry = ledger_entries.receipt(10, Money(5_000, "GBP"), OCCASION)
    assert posted(entry) == gbp({"inventory": 5_000, "goods_received_not_invoiced": -5_000})
    assert (entry.reference, entry.effective_at, entry.memo) == ("R-1", NOW, "Received 10 units")
    assert ledger_entries.receipt(10, Money(0, "GBP"), OCCASION).is_empty


def test_a_captured_payment_is_a_deposit() -> None:
    entry = ledger_entries.payment_captured(Money(1_200, "GBP"), OCCASION)
    assert posted(entry) == gbp({"payments_clearing": 1_200, "customer_deposits": -1_200})


def test_a_shipment_sells_from_deposits_first_and_the_rest_on_account() -> None:
    sale = Sale("EUR", 1_000, 200, 300, deposit_minor=1_100, cost=Money(400, "GBP"))
    assert posted(ledger_entries.shipment(2, sale, OCCASION)) == {
        ("customer_deposits", "EUR"): 1_100,
        ("receivables", "EUR"): 400,
        ("sales", "EUR"): -1_000,
        ("tax_payable", "EUR"): -200,
        ("shipping_income", "EUR"): -300,
        ("cost_of_goods_sold", "GBP"): 400,
        ("inventory", "GBP"): -400,
    }


def test_a_gift_without_cost_leaves_no_entry() -> None:
    sale = Sale("GBP", 0, 0, 0, deposit_minor=0, cost=Money(0, "GBP"))
    assert ledger_entries.shipment(1, sale, OCCASION).is_empty


@pytest.mark.parametrize(
    ("state", "account"),
    [
        (StockState.AVAILABLE, "inventory"),
        (StockState.QUARANTINE, "inventory_in_quality_control"),
        (StockState.DAMAGED, "inventory_in_quality_control"),
    ],
)
def test_an_adjustment_posts_to_the_account_of_the_state(state: StockState, account: str) -> None:
    value = Money(700, "GBP")
    down = ledger_entries.adjusted_down(7, state, value, OCCASION)
    assert posted(down) == gbp({"inventory_adjustments": 700, account: -700})
    up = ledger_entries.adjusted_up(7, state, value, OCCASION)
    assert posted(up) == gbp({"inventory_adjustments": -700, account: 700})


def test_only_moves_between_the_two_books_are_posted() -> None:
    value = Money(700, "GBP")
    away = ledger_entries.moved(1, StockState.AVAILABLE, StockState.DAMAGED, value, OCCASION)
    assert posted(away) == gbp({"inventory_in_quality_control": 700, "inventory": -700})
    back = ledger_entries.moved(1, StockState.DAMAGED, StockState.AVAILABLE, value, OCCASION)
    assert posted(back) == gbp({"inventory_in_quality_control": -700, "inventory": 700})
    within = ledger_entries.moved(1, StockState.DAMAGED, StockState.QUARANTINE, value, OCCASION)
    assert within.is_empty


def test_a_cancellation_owes_the_deposit_back() -> None:
    entry = ledger_entries.order_cancelled(
        1,
        Money(600, "GBP"),
        OCCASION,
        unearned=NOTHING,
        before=CustomerAccount(700, 0),
        after=CustomerAccount(100, 0),
    )
    assert posted(entry) == gbp({"customer_deposits": 600, "refund_liability": -600})


def test_a_cancellation_takes_back_shipping_that_was_booked() -> None:
    entry = ledger_entries.order_cancelled(
        1,
        Money(250, "GBP"),
        OCCASION,
        unearned=Parts(0, 0, 500, 100),
        before=CustomerAccount(0, 350),
        after=CustomerAccount(0, 0),
    )
    assert posted(entry) == gbp(
        {"shipping_income": 500, "tax_payable": 100, "receivables": -350, "refund_liability": -250}
    )


def test_a_reversal_takes_back_everything_and_names_what() -> None:
    entry = ledger_entries.receipt(10, Money(5_000, "GBP"), OCCASION)
    back = ledger_entries.reversal(entry, UUID(int=1), "wrong supplier", NOW + timedelta(days=1))
    assert posted(back) == {key: -minor for key, minor in posted(entry).items()}
    assert (back.reverses, back.reference) == (UUID(int=1), "R-1")
    assert back.memo == "Reversed: Received 10 units (wrong supplier)"


@given(minors, minors, minors, minors, minors)
def test_whatever_is_shipped_balances_in_both_currencies(
    goods: int, tax: int, shipping: int, deposits: int, cost: int
) -> None:
    covered = ledger_entries.covered_by(deposits, goods + tax + shipping)
    sale = Sale("USD", goods, tax, shipping, covered, Money(cost, "GBP"))
    entry = ledger_entries.shipment(1, sale, OCCASION)
    assert posted(entry).get(("customer_deposits", "USD"), 0) <= deposits
    for currency in ("USD", "GBP"):
        assert sum(minor for (_, each), minor in posted(entry).items() if each == currency) == 0


@given(
    st.lists(st.tuples(minors, st.booleans()), min_size=1, max_size=12),
    st.integers(0, 100),
)
def test_deposits_are_used_up_exactly_however_an_order_ends(
    parts: list[tuple[int, bool]], paid_percent: int
) -> None:
    captured = sum(minor for minor, _ in parts) * paid_percent // 100
    live, deposits, given_back, receivable = sum(minor for minor, _ in parts), captured, 0, 0
    for minor, is_shipped in parts:
        if is_shipped:
            covered = ledger_entries.covered_by(deposits, minor)
            deposits, receivable = deposits - covered, receivable + minor - covered
        else:
            live -= minor
            back = ledger_entries.left_over(captured, given_back, live)
            assert back <= min(deposits, minor)
            deposits, given_back = deposits - back, given_back + back
    assert deposits == 0
    assert captured - given_back + receivable == live


def test_a_fact_of_a_closed_period_is_booked_after_it_with_its_true_time() -> None:
    entry = ledger_entries.receipt(1, Money(1, "GBP"), OCCASION)
    assert ledger_entries.in_open_period(entry, None) is entry
    assert ledger_entries.in_open_period(entry, NOW - timedelta(microseconds=1)) is entry
    late = ledger_entries.in_open_period(entry, NOW)
    assert late.effective_at == NOW + timedelta(microseconds=1)
    assert late.memo == f"Received 1 unit [of {NOW.isoformat()}]"
    assert late.lines == entry.lines


def test_a_period_is_closed_once_and_not_ahead_of_time() -> None:
    ledger_entries.check_close(NOW, None, NOW)
    ledger_entries.check_close(NOW, NOW - timedelta(days=1), NOW)
    for through, closed in ((NOW + timedelta(microseconds=1), None), (NOW, NOW)):
        with pytest.raises(PeriodNotOpen):
            ledger_entries.check_close(through, closed, NOW)
