from itertools import product

import pytest

from domain.policies.refunds import Evidence
from domain.returns.evidence import evidence_of, is_proven, opens_refund, progress
from domain.returns.states import ReturnItemState, ReturnStatus

_E, _S, _R = Evidence, ReturnStatus, ReturnItemState


@pytest.mark.parametrize(
    ("status", "state", "is_scanned", "reached"),
    [
        (_S.REQUESTED, _R.EXPECTED, True, ()),
        (_S.DECLINED, _R.EXPECTED, True, ()),
        (_S.CANCELLED, _R.EXPECTED, True, ()),
        (_S.EXPIRED, _R.EXPECTED, True, ()),
        (_S.AUTHORIZED, _R.EXPECTED, False, (_E.AUTHORIZED,)),
        (_S.IN_TRANSIT, _R.EXPECTED, True, (_E.AUTHORIZED, _E.CARRIER_SCAN)),
        (_S.RECEIVED, _R.MISSING, True, ()),
        (_S.RECEIVED, _R.WRONG_ITEM, True, ()),
        (_S.RECEIVED, _R.RECEIVED, False, (_E.AUTHORIZED, _E.CARRIER_SCAN, _E.RECEIVED)),
        (_S.RECEIVED, _R.INSPECTED, False, tuple(_E)),
        (_S.RECEIVED, _R.DISPOSED, False, tuple(_E)),
    ],
)
def test_what_has_been_seen_follows_from_the_states(
    status: ReturnStatus, state: ReturnItemState, is_scanned: bool, reached: tuple[Evidence, ...]
) -> None:
    assert evidence_of(status, state, is_scanned=is_scanned) == reached


@pytest.mark.parametrize(
    ("status", "state", "is_scanned"), list(product(ReturnStatus, ReturnItemState, [True, False]))
)
def test_later_evidence_never_comes_without_the_earlier(
    status: ReturnStatus, state: ReturnItemState, is_scanned: bool
) -> None:
    reached = evidence_of(status, state, is_scanned=is_scanned)
    assert reached == tuple(_E)[: len(reached)]


def test_the_first_named_evidence_opens_a_refund_and_the_last_proves_it() -> None:
    required = (_E.AUTHORIZED, _E.INSPECTED)
    assert opens_refund(required, [_E.AUTHORIZED])
    assert not is_proven(required, [_E.AUTHORIZED])
    assert not opens_refund((_E.INSPECTED,), [_E.AUTHORIZED, _E.RECEIVED])
    assert is_proven(required, _E)


def test_the_units_of_a_pending_refund_go_on_wait_or_are_lost() -> None:
    units = [("came", tuple(_E)), ("comes", (_E.AUTHORIZED,)), ("missing", ())]
    found = progress((_E.AUTHORIZED, _E.INSPECTED), units)
    assert (found.proven, found.waiting, found.lost) == (("came",), ("comes",), ("missing",))
