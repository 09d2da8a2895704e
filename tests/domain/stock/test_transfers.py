"""Units and values of transfer lines, by numbers that were worked out by hand."""

from domain.stock.transfers import Arrival, TransferStatus, TransferUnits, status_after


def sent(units: int, value_minor: int) -> TransferUnits:
    line = TransferUnits(requested=units)
    line.ship(units, value_minor)
    return line


def test_value_leaves_transit_in_parts_and_the_last_unit_takes_the_rest() -> None:
    """Three units cost 10.00 together: 3.33, then half of 6.67 (half-even: 3.34), then 3.33."""
    line = sent(3, 1_000)
    values = [line.arrive(1, 0, is_back=False).good_minor for _ in range(3)]
    assert values == [333, 334, 333]
    assert (line.received, line.in_transit, line.value_minor) == (3, 0, 0)


def test_good_units_arrive_before_damaged_ones_and_the_rest_is_extra() -> None:
    line = sent(5, 500)
    assert line.arrive(4, 3, is_back=False) == Arrival(4, 400, 1, 100, 2)
    assert (line.received, line.damaged, line.extra, line.in_transit) == (4, 1, 2, 0)


def test_units_at_the_origin_have_come_back_in_either_condition() -> None:
    line = sent(5, 500)
    assert line.arrive(1, 1, is_back=True) == Arrival(1, 100, 1, 100, 0)
    assert (line.came_back, line.received, line.damaged, line.in_transit) == (2, 0, 0, 3)


def test_lost_units_keep_their_value() -> None:
    line = sent(2, 501)
    assert line.lose(1) == 250
    assert (line.lost, line.lost_minor, line.in_transit, line.value_minor) == (1, 250, 1, 251)


def test_a_transfer_is_closed_when_nothing_is_in_transit() -> None:
    over = sent(1, 1)
    over.arrive(1, 0, is_back=False)
    assert status_after([over, sent(1, 1)]) is TransferStatus.PARTIALLY_RECEIVED
    assert status_after([over, TransferUnits(requested=2)]) is TransferStatus.CLOSED
