"""Policy documents of each kind are parsed; each mistake is refused with its path."""

import copy
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

import domain.policies.policies as policies
from domain.access.callers import Role
from domain.errors import Invalid
from domain.exceptions import KINDS, ExceptionKind
from domain.policies.adjustments import AdjustmentRules
from domain.policies.defaults import DEFAULT_RULES
from domain.policies.dispositions import ConditionGrade, Disposition, DispositionRules
from domain.policies.exceptions import ExceptionRules
from domain.policies.policies import PolicyKind
from domain.policies.refunds import Evidence, RefundRules, RefundShipping, Tender
from domain.policies.returns import ReturnRules
from domain.policies.routing import Criterion, Hours, Protection, RoutingRules
from domain.values.money import Money
from tests.domain.policies import later_documents
from tests.domain.policies.faults import faults_of
from tests.domain.policies.fulfillment_documents import MISSING

DOCUMENTS: dict[PolicyKind, dict[str, Any]] = {
    PolicyKind.ROUTING: {
        "order": ["lead_time", "capacity", "one_parcel", "depth", "preference"],
        "preference": ["LONDON", "LEEDS"],
        "maxParcels": 2,
        "protected": [{"channel": "web", "category": "coats", "units": 5}],
        "locations": {
            "LONDON": {
                "cutOff": "15:00",
                "workingDays": ["MON", "TUE", "WED", "THU", "FRI"],
                "handling": "P0D",
            }
        },
        "leadTimes": [
            {"serviceLevel": "STANDARD", "from": "*", "to": "GB", "days": 2},
            {"serviceLevel": "EXPRESS", "from": "*", "to": "GB", "days": 1},
        ],
    },
    PolicyKind.RETURN: {
        "window": "P30D",
        "reasons": ["*"],
        "finalSale": False,
        "reviewAboveRisk": 0.7,
        "reviewAboveAmount": {"GBP": "500.00"},
        "fastLane": {
            "maxRisk": 0.2,
            "reasons": ["UNWANTED"],
            "maxUnitValue": {"GBP": "50.00"},
        },
        "twoInspectorsAboveRisk": 0.8,
    },
    PolicyKind.DISPOSITION: {
        "table": [
            {"condition": "NEW", "reason": "*", "disposition": "RESTOCK"},
            {"condition": "USED", "reason": "*", "disposition": "REFURBISH"},
            {"condition": "*", "reason": "*", "disposition": "QUARANTINE"},
        ],
        "overrideAboveValue": {"GBP": "100.00"},
    },
    PolicyKind.REFUND: {
        "evidence": ["INSPECTED"],
        "deductions": {"USED": 0.2, "DAMAGED": 0.5},
        "approvalFor": ["COUNTERFEIT"],
        "restockingFee": 0.0,
        "refundShipping": "FULL_ORDER_ONLY",
        "tender": "ORIGINAL_PAYMENT",
        "bands": {
            "GBP": [
                {"upTo": "100.00", "approvers": 0},
                {"upTo": "500.00", "approvers": 1},
                {"upTo": None, "approvers": 2},
            ]
        },
    },
    PolicyKind.ADJUSTMENT: {"approvalAbove": {"GBP": "50.00"}},
    PolicyKind.EXCEPTION: {
        "kinds": {
            "REFUND_OVERDUE": {
                "severity": "HIGH",
                "ownerRole": "FINANCE",
                "due": "PT24H",
                "escalateTo": "ADMIN",
            }
        }
    },
    **later_documents.DOCUMENTS,
}

R, T, D, F, A, E, *_ = PolicyKind
EMPTY_TABLE: list[dict[str, str]] = []
ALL_RESTOCK = [{"condition": "*", "reason": "*", "disposition": "RESTOCK"}]
TWICE_NEW = [{"condition": "NEW", "reason": "*", "disposition": "RESTOCK"}] * 2

# kind, path at which a value is put, the value, and the path that the error must name
MISTAKES: list[tuple[PolicyKind, str, Any, str]] = [
    *later_documents.MISTAKES,
    (R, "colour", 1, "rules.colour"),
    (R, "order", ["speed"], "rules.order[0]"),
    (R, "order", ["depth", "depth"], "rules.order[1]"),
    (R, "order", [], "rules.order"),
    (R, "order", "depth", "rules.order"),
    (R, "preference.0", 7, "rules.preference[0]"),
    (R, "maxParcels", 0, "rules.maxParcels"),
    (R, "maxParcels", True, "rules.maxParcels"),
    (R, "maxParcels", 2.0, "rules.maxParcels"),
    (R, "protected.0.units", -1, "rules.protected[0].units"),
    (R, "protected.0.channel", MISSING, "rules.protected[0].channel"),
    (R, "protected.0.colour", "red", "rules.protected[0].colour"),
    (R, "protected", [{"channel": "web", "units": 1}] * 2, "rules.protected[1]"),
    (R, "locations.LONDON.cutOff", "24:00", "rules.locations.LONDON.cutOff"),
    (R, "locations.LONDON.cutOff", "3pm", "rules.locations.LONDON.cutOff"),
    (R, "locations.LONDON.cutOff", "+3:00", "rules.locations.LONDON.cutOff"),
    (R, "locations.LONDON.cutOff", {"MONDAY": "15:00"}, "rules.locations.LONDON.cutOff.MONDAY"),
    (R, "locations.LONDON.cutOff", {"MON": "24:00"}, "rules.locations.LONDON.cutOff.MON"),
    (R, "locations.LONDON.cutOff", {"MON": None}, "rules.locations.LONDON.cutOff.MON"),
    (R, "locations.LONDON.cutOff", ["15:00"], "rules.locations.LONDON.cutOff"),
    (R, "locations.LONDON.holidays", "2026-12-25", "rules.locations.LONDON.holidays"),
    (R, "locations.LONDON.holidays", ["25/12/2026"], "rules.locations.LONDON.holidays[0]"),
    (R, "locations.LONDON.holidays", ["2026-02-29"], "rules.locations.LONDON.holidays[0]"),
    (R, "locations.LONDON.holidays", ["2026-W53-5"], "rules.locations.LONDON.holidays[0]"),
    (R, "locations.LONDON.holidays", ["20261225"], "rules.locations.LONDON.holidays[0]"),
    (R, "holidays", ["2026-12-25", "2026-12-25"], "rules.holidays[1]"),
    (R, "locations.LONDON.workingDays", [], "rules.locations.LONDON.workingDays"),
    (R, "locations.LONDON.workingDays.0", "MONDAY", "rules.locations.LONDON.workingDays[0]"),
    (R, "locations.LONDON.handling", "1 day", "rules.locations.LONDON.handling"),
    (R, "locations.LONDON.handling", 1, "rules.locations.LONDON.handling"),
    (R, "locations", [], "rules.locations"),
    (R, "leadTimes.0.days", "2", "rules.leadTimes[0].days"),
    (R, "leadTimes.0.days", 366, "rules.leadTimes[0].days"),
    (R, "leadTimes.1.serviceLevel", "STANDARD", "rules.leadTimes[1]"),
    (R, "leadTimes.0.to", MISSING, "rules.leadTimes[0].to"),
    (T, "window", MISSING, "rules.window"),
    (T, "window", 30, "rules.window"),
    (T, "window", "P1M", "rules.window"),
    (T, "window", "PT36H", "rules.window"),
    (T, "reasons", [], "rules.reasons"),
    (T, "finalSale", "no", "rules.finalSale"),
    (T, "reviewAboveRisk", 1.1, "rules.reviewAboveRisk"),
    (T, "reviewAboveRisk", "0.7", "rules.reviewAboveRisk"),
    (T, "reviewAboveRisk", float("nan"), "rules.reviewAboveRisk"),
    (T, "reviewAboveAmount", {}, "rules.reviewAboveAmount"),
    (T, "reviewAboveAmount.GBP", 500, "rules.reviewAboveAmount.GBP"),
    (T, "fastLane.maxRisk", MISSING, "rules.fastLane.maxRisk"),
    (T, "fastLane.maxUnitValue.GBP", "0.001", "rules.fastLane.maxUnitValue.GBP"),
    (T, "fastLane.maxUnitValue.GBX", "1.00", "rules.fastLane.maxUnitValue.GBX"),
    (D, "table", MISSING, "rules.table"),
    (D, "table", EMPTY_TABLE, "rules.table"),
    (D, "table", ALL_RESTOCK, "rules.table"),
    (D, "table", TWICE_NEW, "rules.table[1]"),
    (D, "table.2.condition", "DAMAGED", "rules.table"),
    (D, "table.2.reason", "UNWANTED", "rules.table"),
    (D, "table.0.condition", "COUNTERFEIT", "rules.table[0].disposition"),
    (D, "table.0.disposition", "BURN", "rules.table[0].disposition"),
    (D, "overrideAboveValue.GBP", "-1.00", "rules.overrideAboveValue.GBP"),
    (F, "evidence", [], "rules.evidence"),
    (F, "evidence", ["SEEN"], "rules.evidence[0]"),
    (F, "deductions.USED", 20, "rules.deductions.USED"),
    (F, "deductions.WET", 0.1, "rules.deductions.WET"),
    (F, "approvalFor", ["FAKE"], "rules.approvalFor[0]"),
    (F, "restockingFee", "5%", "rules.restockingFee"),
    (F, "refundShipping", "SOMETIMES", "rules.refundShipping"),
    (F, "tender", "CASH", "rules.tender"),
    (F, "bands.GBP", [], "rules.bands.GBP"),
    (F, "bands.XYZ", [{"upTo": None, "approvers": 0}], "rules.bands.XYZ"),
    (F, "bands.GBP.0.upTo", None, "rules.bands.GBP[0].upTo"),
    (F, "bands.GBP.1.upTo", "100.00", "rules.bands.GBP[1].upTo"),
    (F, "bands.GBP.1.upTo", 500, "rules.bands.GBP[1].upTo"),
    (F, "bands.GBP.1.upTo", "1e", "rules.bands.GBP[1].upTo"),
    (F, "bands.GBP.2.upTo", "900.00", "rules.bands.GBP[2].upTo"),
    (F, "bands.GBP.2.approvers", 3, "rules.bands.GBP[2].approvers"),
    (F, "bands.GBP.2.upTo", MISSING, "rules.bands.GBP[2].upTo"),
    (A, "approvalAbove", MISSING, "rules.approvalAbove"),
    (A, "approvalAbove", None, "rules.approvalAbove"),
    (A, "approvalAbove", {}, "rules.approvalAbove"),
    (A, "approvalAbove.GBP", "NaN", "rules.approvalAbove.GBP"),
    (E, "kinds", [], "rules.kinds"),
    (E, "kinds.TOO_HOT", {}, "rules.kinds.TOO_HOT"),
    (E, "kinds.REFUND_OVERDUE.due", "P0D", "rules.kinds.REFUND_OVERDUE.due"),
    (E, "kinds.REFUND_OVERDUE.due", 24, "rules.kinds.REFUND_OVERDUE.due"),
    (E, "kinds.REFUND_OVERDUE.ownerRole", "BOSS", "rules.kinds.REFUND_OVERDUE.ownerRole"),
    (E, "kinds.REFUND_OVERDUE.escalateTo", MISSING, "rules.kinds.REFUND_OVERDUE.escalateTo"),
    (E, "kinds.REFUND_OVERDUE.after", "P1D", "rules.kinds.REFUND_OVERDUE.after"),
    (E, "kinds.REFUND_OVERDUE.off", "yes", "rules.kinds.REFUND_OVERDUE.off"),
    (E, "kinds.ORDER_LATE", {"off": True, "after": 1}, "rules.kinds.ORDER_LATE.after"),
    (E, "kinds.ORDER_LATE", {"off": False}, "rules.kinds.ORDER_LATE.severity"),
    (E, "kinds.UNIDENTIFIED_PARCEL", {"off": True}, "rules.kinds.UNIDENTIFIED_PARCEL.off"),
]


def changed(document: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    """A copy of the document in which one value at a dotted path is set or removed."""
    result = copy.deepcopy(document)
    *parents, last = where.split(".")
    at: Any = result
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    key: Any = int(last) if isinstance(at, list) else last
    if value is MISSING:
        del at[key]
    else:
        at[key] = value
    return result


def read(kind: PolicyKind) -> policies.Rules:
    return policies.parse_rules(kind, DOCUMENTS[kind])


def _name(where: object, value: object) -> str:
    """Test id that is equal in every process: pytest-xdist workers must collect the same tests."""
    return f"{where} left out" if value is MISSING else f"{where}={value!r}"[:60]


@pytest.mark.parametrize(
    ("kind", "where", "value", "path"), MISTAKES, ids=[_name(m[1], m[2]) for m in MISTAKES]
)
def test_a_mistake_is_refused_with_its_path(
    kind: PolicyKind, where: str, value: Any, path: str
) -> None:
    found = faults_of(kind, changed(DOCUMENTS[kind], where, value))
    [fault] = [each for each in found if each.details["path"] == path]
    assert fault.message.startswith(f"{path} ")
    assert ".".join(fault.field) == path.replace("[", ".").replace("]", "")


@pytest.mark.parametrize("kind", PolicyKind)
def test_an_unknown_key_is_refused_in_every_document(kind: PolicyKind) -> None:
    with pytest.raises(Invalid) as refusal:
        policies.parse_rules(kind, {**DOCUMENTS[kind], "colour": "red"})
    assert refusal.value.details["path"] == "rules.colour"


@pytest.mark.parametrize("document", [None, [], "rules", 1, True])
def test_a_document_is_an_object(document: object) -> None:
    with pytest.raises(Invalid, match="must be an object"):
        policies.parse_rules(PolicyKind.ROUTING, document)


def test_a_list_without_end_is_refused() -> None:
    document = changed(DOCUMENTS[R], "preference", [str(number) for number in range(1_001)])
    with pytest.raises(Invalid, match="more than 1000"):
        policies.parse_rules(R, document)


def test_a_code_of_digits_is_a_key_and_not_a_position() -> None:
    document = changed(DOCUMENTS[R], "locations", {"7": {"cutOff": "x"}})
    with pytest.raises(Invalid, match=r"rules\.locations\.7\.cutOff"):
        policies.parse_rules(R, document)


def test_routing_rules_are_read() -> None:
    rules = read(R)
    assert isinstance(rules, RoutingRules)
    assert rules.order == tuple(Criterion)
    assert rules.protected == (Protection("web", "coats", 5),)
    assert rules.hours_of("LONDON") == Hours((time(15),) * 7, frozenset(range(5)), timedelta(0))
    assert rules.hours_of("LEEDS") == rules.hours_of("LONDON")
    assert rules.lead_days("EXPRESS", "LEEDS", "GB") == 1
    assert rules.lead_days("EXPRESS", "LEEDS", "FR") is None


def test_the_narrowest_lead_time_and_the_wildcard_hours_are_used() -> None:
    document = changed(DOCUMENTS[R], "locations", {"*": {"cutOff": "09:30"}})
    document["leadTimes"] += [
        {"serviceLevel": "*", "from": "*", "to": "*", "days": 9},
        {"serviceLevel": "STANDARD", "from": "LEEDS", "to": "*", "days": 3},
    ]
    rules = policies.parse_rules(R, document)
    assert isinstance(rules, RoutingRules)
    assert rules.hours_of("ANYWHERE").cut_offs == (time(9, 30),) * 7
    assert rules.lead_days("STANDARD", "LEEDS", "GB") == 3
    assert rules.lead_days("STANDARD", "LONDON", "GB") == 2
    assert rules.lead_days("PIGEON", "LONDON", "GB") == 9


def test_cut_offs_by_weekday_and_holidays_are_read() -> None:
    document = changed(
        DOCUMENTS[R],
        "locations",
        {
            "LEEDS": {"cutOff": {"FRI": "12:00", "SAT": "10:30"}, "holidays": ["2026-12-28"]},
            "YORK": {},
        },
    )
    document["holidays"] = ["2026-12-25"]
    rules = policies.parse_rules(R, document)
    assert isinstance(rules, RoutingRules)
    christmas, monday = date(2026, 12, 25), date(2026, 12, 28)
    leeds = rules.hours_of("LEEDS")
    assert leeds.cut_offs == (*(time(15),) * 4, time(12), time(10, 30), time(15))
    assert leeds.holidays == {christmas, monday}
    assert (leeds.is_working_day(monday), leeds.is_working_day(date(2026, 12, 29))) == (False, True)
    for code in ("YORK", "ANYWHERE"):
        assert rules.hours_of(code).holidays == {christmas}
    document["locations"]["*"] = {"holidays": ["2026-12-24"]}
    rules = policies.parse_rules(R, document)
    assert isinstance(rules, RoutingRules)
    assert rules.hours_of("ANYWHERE").holidays == {date(2026, 12, 24), christmas}


def test_return_rules_are_read() -> None:
    rules = read(T)
    assert isinstance(rules, ReturnRules)
    assert (rules.window_days, rules.is_final_sale) == (30, False)
    assert rules.reasons.accept("ANYTHING")
    assert rules.review_above_risk == Decimal("0.7")
    assert not rules.review_above_amount.is_passed_by(Money(50_000, "GBP"))
    assert rules.review_above_amount.is_passed_by(Money(50_001, "GBP"))
    assert rules.review_above_amount.is_passed_by(Money(1, "EUR"))
    lane = rules.fast_lane
    assert lane is not None
    assert lane.takes(Decimal("0.2"), "UNWANTED", Money(5_000, "GBP"))
    assert not lane.takes(Decimal("0.21"), "UNWANTED", Money(5_000, "GBP"))
    assert not lane.takes(Decimal("0.2"), "DAMAGED", Money(5_000, "GBP"))
    assert not lane.takes(Decimal("0.2"), "UNWANTED", Money(5_001, "GBP"))


def test_return_defaults_have_no_limits_and_no_fast_lane() -> None:
    rules = policies.parse_rules(T, DEFAULT_RULES[T])
    assert isinstance(rules, ReturnRules)
    assert rules.review_above_risk is None
    assert rules.fast_lane is None
    assert rules.two_inspectors_above_risk is None
    assert not rules.review_above_amount.is_passed_by(Money(10**9, "GBP"))


@pytest.mark.parametrize(
    ("condition", "disposition"),
    [
        ("NEW", "RESTOCK"),
        ("LIKE_NEW", "RESTOCK"),
        ("USED", "REFURBISH"),
        ("DAMAGED", "QUARANTINE"),
        ("COUNTERFEIT", "QUARANTINE"),
        ("DEFECTIVE", "RETURN_TO_VENDOR"),
    ],
)
def test_default_dispositions_are_those_of_the_contract(condition: str, disposition: str) -> None:
    rules = policies.parse_rules(D, DEFAULT_RULES[D])
    assert isinstance(rules, DispositionRules)
    for reason in ("UNWANTED", None):
        assert rules.decide(ConditionGrade(condition), reason) == Disposition(disposition)


def test_the_first_row_that_fits_decides_and_never_restocks_a_counterfeit() -> None:
    table = [
        {"condition": "USED", "reason": "DEFECTIVE", "disposition": "SCRAP"},
        {"condition": "*", "reason": "*", "disposition": "RESTOCK"},
        {"condition": "COUNTERFEIT", "reason": "*", "disposition": "SCRAP"},
    ]
    rules = policies.parse_rules(D, {"table": table})
    assert isinstance(rules, DispositionRules)
    assert rules.decide(ConditionGrade.USED, "DEFECTIVE") is Disposition.SCRAP
    assert rules.decide(ConditionGrade.USED, None) is Disposition.RESTOCK
    assert rules.decide(ConditionGrade.COUNTERFEIT, "DEFECTIVE") is Disposition.SCRAP


def test_refund_rules_are_read() -> None:
    rules = read(F)
    assert isinstance(rules, RefundRules)
    assert rules.evidence == (Evidence.INSPECTED,)
    assert rules.deduction(ConditionGrade.USED) == Decimal("0.2")
    assert rules.deduction(ConditionGrade.NEW) == 0
    assert rules.approval_for == {ConditionGrade.COUNTERFEIT}
    assert rules.refund_shipping is RefundShipping.FULL_ORDER_ONLY
    assert rules.tender is Tender.ORIGINAL_PAYMENT
    approvers = [rules.approvers(Money(minor, "GBP")) for minor in (10_000, 10_001, 50_001)]
    assert approvers == [0, 1, 2]
    assert rules.approvers(Money(1, "JPY")) == 2


def test_adjustment_rules_ask_for_approval_above_the_value_and_when_it_is_unknown() -> None:
    rules = read(A)
    assert isinstance(rules, AdjustmentRules)
    assert not rules.needs_approval(Money(5_000, "GBP"))
    assert rules.needs_approval(Money(5_001, "GBP"))
    assert rules.needs_approval(Money(1, "EUR"))
    assert rules.needs_approval(None)


def test_exception_rules_replace_the_catalog() -> None:
    rules = policies.parse_rules(
        E, changed(DOCUMENTS[E], "kinds.REFUND_OVERDUE.ownerRole", "SUPPORT")
    )
    assert isinstance(rules, ExceptionRules)
    assert rules.row(ExceptionKind.REFUND_OVERDUE).owner_role is Role.SUPPORT
    assert rules.row(ExceptionKind.OVERSOLD) == KINDS[ExceptionKind.OVERSOLD].handling


def test_the_contract_example_of_exceptions_equals_the_catalog() -> None:
    rules = read(E)
    assert isinstance(rules, ExceptionRules)
    kind = ExceptionKind.REFUND_OVERDUE
    assert rules.kinds[kind] == KINDS[kind].handling
