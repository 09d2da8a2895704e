"""JSON Schemas of policy documents, for editors and forms.

A schema accepts no document of another structure than `parse_rules` reads. A few rules compare
entries with each other; JSON Schema cannot state them, so `parse_rules` alone refuses those faults:
bands of refunds ascend, no two entries of a list decide the same case, and an integration is
degraded at a lower rate of errors than the one at which it is down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from domain.access.callers import Role
from domain.exceptions import KINDS, ExceptionKind, ExceptionSeverity
from domain.orders.fulfillment_holds import STATED_REASONS
from domain.policies.continuity import (
    DOWN_KINDS,
    FAILURES_MAX,
    MOVING,
    PLAYBOOKS_MAX,
    UNITS,
    EndBy,
    MeasureKind,
)
from domain.policies.counts import CYCLE_CLASSES, PER_DAY_MAX
from domain.policies.counts import UNITS_MAX as COUNT_UNITS_MAX
from domain.policies.dispositions import ANY, ConditionGrade, Disposition, is_forbidden
from domain.policies.fulfillments import AddressField
from domain.policies.policies import SCOPES, PolicyKind, scope_example
from domain.policies.reading import ENTRIES_MAX, TEXT_MAX
from domain.policies.refunds import APPROVERS_MAX, Evidence, RefundShipping, Tender
from domain.policies.rollout import CASES_MAX, EVERY, RolloutDomain, RolloutMode
from domain.policies.routing import DAYS_MAX, UNITS_MAX, Criterion, Weekday
from domain.values.currencies import DECIMALS

Schema = Mapping[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX}
_RATE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
_FLAG: Final[Schema] = {"type": "boolean"}
_NULL: Final[Schema] = {"type": "null"}
_DAYS: Final = r"(?:[0-9]{1,3}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-5][0-9]|3660)"
_WEEKS: Final = r"P(?:[0-9]{1,2}|[1-4][0-9]{2}|5[01][0-9]|52[0-2])W"
_PARTS: Final = (
    r"P(?=.)(?:(?:[0-9]{1,3}|[12][0-9]{3}|30[0-9]{2})D)?"
    r"(?:T(?=.)(?:[0-9]{1,4}H)?(?:[0-9]{1,5}M)?(?:[0-9]{1,6}S)?)?"
)
_DURATION: Final[Schema] = {
    "type": "string",
    "description": "ISO 8601 duration of fixed length: P30D, PT24H, P1DT12H, P2W.",
    "pattern": f"^(?:{_WEEKS}|{_PARTS})$",
}
_LONGER_THAN_ZERO: Final[Schema] = {**_DURATION, "allOf": [{"pattern": "[1-9]"}]}
_WHOLE_DAYS: Final[Schema] = {
    "type": "string",
    "description": "ISO 8601 duration of whole days: P30D, P2W.",
    "pattern": f"^(?:P{_DAYS}D|{_WEEKS})$",
}
_CLOCK: Final[Schema] = {"type": "string", "pattern": "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"}
_MONTHS: Final = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP: Final = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY: Final[Schema] = {
    "type": "string",
    "description": "A date such as 2026-12-25.",
    "pattern": f"^(?!0000)(?:[0-9]{{4}}-{_MONTHS}|{_LEAP}-02-29)$",
}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _keyed(value: Schema) -> Schema:
    """An object whose keys are data."""
    return {
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": TEXT_MAX},
        "additionalProperties": value,
        "maxProperties": ENTRIES_MAX,
    }


def _list(value: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": value, "minItems": least, "maxItems": ENTRIES_MAX}


def _distinct(value: Schema, least: int = 0) -> Schema:
    return {**_list(value, least), "uniqueItems": True}


def _choice(values: Iterable[StrEnum]) -> Schema:
    return {"enum": [str(value) for value in values]}


def _or_null(value: Schema) -> Schema:
    return {"anyOf": [value, _NULL]}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _by_currency(value_of: Any) -> Schema:
    """An object of currency → value; `value_of` makes the schema for a number of decimals."""
    patterns = {}
    for decimals in sorted(set(DECIMALS.values())):
        codes = "|".join(code for code, own in DECIMALS.items() if own == decimals)
        patterns[f"^(?:{codes})$"] = value_of(decimals)
    return {"type": "object", "patternProperties": patterns, "additionalProperties": False}


def _amount(decimals: int) -> Schema:
    """An amount as text, such as "12.50"; at most 10^15 minor units."""
    fraction = rf"(?:\.[0-9]{{1,{decimals}}})?" if decimals else ""
    return {"type": "string", "pattern": f"^[0-9]{{1,{15 - decimals}}}{fraction}$"}


_AMOUNTS: Final[Schema] = {**_by_currency(_amount), "minProperties": 1}
_REASONS: Final = _distinct(_TEXT, least=1)


def _routing() -> Schema:
    by_weekday = _object({}, dict.fromkeys(map(str, Weekday), _CLOCK))
    hours = {
        "cutOff": {"anyOf": [_CLOCK, by_weekday]},
        "workingDays": _distinct(_choice(Weekday), least=1),
        "handling": _DURATION,
        "holidays": _distinct(_DAY),
    }
    protected = _object(
        {"channel": _TEXT, "units": _whole(0, UNITS_MAX)}, {"category": _or_null(_TEXT)}
    )
    lead_time = {"serviceLevel": _TEXT, "from": _TEXT, "to": _TEXT, "days": _whole(0, DAYS_MAX)}
    return _object(
        {},
        {
            "order": _distinct(_choice(Criterion), least=1),
            "preference": _distinct(_TEXT),
            "maxParcels": _or_null(_whole(1, 1_000)),
            "protected": _distinct(protected),
            "locations": _keyed(_object({}, hours)),
            "holidays": _distinct(_DAY),
            "leadTimes": _distinct(_object(lead_time)),
        },
    )


def _return() -> Schema:
    fast_lane = _object(
        {"maxRisk": _RATE}, {"reasons": _REASONS, "maxUnitValue": _or_null(_AMOUNTS)}
    )
    return _object(
        {"window": _WHOLE_DAYS},
        {
            "reasons": _REASONS,
            "finalSale": _FLAG,
            "reviewAboveRisk": _or_null(_RATE),
            "reviewAboveAmount": _or_null(_AMOUNTS),
            "fastLane": _or_null(fast_lane),
            "twoInspectorsAboveRisk": _or_null(_RATE),
        },
    )


def _decides(condition: ConditionGrade) -> Schema:
    """A row for any reason that decides units in this condition."""
    allowed = [each for each in Disposition if not is_forbidden(condition, each)]
    row = {
        "condition": {"enum": [ANY, str(condition)]},
        "reason": {"const": ANY},
        "disposition": _choice(allowed),
    }
    return {"contains": {"type": "object", "properties": row, "required": list(row)}}


def _disposition() -> Schema:
    fake = {"condition": {"const": str(ConditionGrade.COUNTERFEIT)}}
    restocked = {"disposition": {"const": str(Disposition.RESTOCK)}}
    row = _object(
        {
            "condition": {"enum": [ANY, *map(str, ConditionGrade)]},
            "reason": _TEXT,
            "disposition": _choice(Disposition),
        }
    )
    row = {**row, "not": {"properties": {**fake, **restocked}, "required": [*fake, *restocked]}}
    table = {**_distinct(row), "allOf": [_decides(condition) for condition in ConditionGrade]}
    return _object({"table": table}, {"overrideAboveValue": _or_null(_AMOUNTS)})


def _bands(decimals: int) -> Schema:
    """Bands of one currency. Exactly one, the last, has no upper limit."""
    approvers = {"approvers": _whole(0, APPROVERS_MAX)}
    band = _object({"upTo": _or_null(_amount(decimals)), **approvers})
    last = {"properties": {"upTo": _NULL}, "required": ["upTo"]}
    return {**_list(band, least=1), "contains": last, "minContains": 1, "maxContains": 1}


def _refund() -> Schema:
    return _object(
        {"evidence": _distinct(_choice(Evidence), least=1), "bands": _by_currency(_bands)},
        {
            "deductions": _object({}, dict.fromkeys(map(str, ConditionGrade), _RATE)),
            "approvalFor": _distinct(_choice(ConditionGrade)),
            "restockingFee": _RATE,
            "refundShipping": _choice(RefundShipping),
            "tender": _choice(Tender),
        },
    )


def _exception() -> Schema:
    return _object({"kinds": _object({}, {str(kind): _handling(kind) for kind in ExceptionKind})})


def _handling(kind: ExceptionKind) -> Schema:
    """The handling of a kind. A kind that is off needs no other member."""
    row = KINDS[kind]
    handling = {
        "severity": _choice(ExceptionSeverity),
        "ownerRole": _choice(Role),
        "due": _LONGER_THAN_ZERO,
        "escalateTo": _choice(Role),
    }
    timed = {} if row.handling.after is None else {"after": _DURATION}
    if not row.may_be_off:
        return _object(handling, {**timed, "off": {"const": False}})
    is_off = _object({"off": {"const": True}}, {**handling, **timed})
    return {"anyOf": [_object(handling, {**timed, "off": _FLAG}), is_off]}


def _fulfillment() -> Schema:
    condition = {
        "totalAbove": _AMOUNTS,
        "unpaid": _FLAG,
        "missing": _distinct(_choice(AddressField), least=1),
    }
    hold = _object(
        {"reason": _choice(STATED_REASONS)},
        {"when": _object({}, condition), "for": _LONGER_THAN_ZERO},
    )
    choice = _object({"serviceLevel": _TEXT, "carrier": _TEXT}, {"service": _or_null(_TEXT)})
    return _object(
        {}, {"holds": _distinct(hold), "carriers": _distinct(choice), "labelOnPack": _FLAG}
    )


def _count() -> Schema:
    limits = {"units": _or_null(_whole(0, COUNT_UNITS_MAX)), "value": _or_null(_AMOUNTS)}
    periods = dict.fromkeys(CYCLE_CLASSES, _LONGER_THAN_ZERO)
    cycle = _object({**periods, "perDay": _whole(1, PER_DAY_MAX)})
    return _object(
        {}, {"blind": _FLAG, "recountAbove": _object({}, limits), "cycle": _or_null(cycle)}
    )


def _measure(kind: MeasureKind) -> Schema:
    return _whole(*UNITS[kind]) if kind in UNITS else {"const": True}


def _continuity() -> Schema:
    health = {
        "degradedErrorRate": _RATE,
        "downErrorRate": _RATE,
        "failuresInARow": _whole(1, FAILURES_MAX),
        "slow": _LONGER_THAN_ZERO,
        "backlog": _LONGER_THAN_ZERO,
    }
    measures = {str(kind): _measure(kind) for kind in MeasureKind}
    by_itself = {name: each for name, each in measures.items() if name not in MOVING}
    down = {**_object({}, {"after": _DURATION, **by_itself}), **_some_of(by_itself)}
    playbook = {**_object({}, {**measures, "endBy": _choice(EndBy)}), **_some_of(measures)}
    return _object(
        {},
        {
            "health": _object({}, health),
            "onDown": _object({}, dict.fromkeys(DOWN_KINDS, down)),
            "playbooks": {**_keyed(playbook), "maxProperties": PLAYBOOKS_MAX},
        },
    )


def _rollout() -> Schema:
    modes = dict.fromkeys((EVERY, *map(str, RolloutDomain)), _choice(RolloutMode))
    is_whole = {"anyOf": [{"required": [EVERY]}, {"required": list(map(str, RolloutDomain))}]}
    require = _object({}, {"cases": _whole(0, CASES_MAX), "agreement": _RATE})
    return _object({"domains": {**_object({}, modes), **is_whole}}, {"require": require})


def _some_of(members: Iterable[str]) -> Schema:
    """At least one of these members is there."""
    return {"anyOf": [{"required": [name]} for name in members]}


_OF_KIND: Final[Mapping[PolicyKind, Schema]] = {
    PolicyKind.ROUTING: _routing(),
    PolicyKind.RETURN: _return(),
    PolicyKind.DISPOSITION: _disposition(),
    PolicyKind.REFUND: _refund(),
    PolicyKind.ADJUSTMENT: _object({"approvalAbove": _AMOUNTS}),
    PolicyKind.EXCEPTION: _exception(),
    PolicyKind.FULFILLMENT: _fulfillment(),
    PolicyKind.COUNT: _count(),
    PolicyKind.CONTINUITY: _continuity(),
    PolicyKind.ROLLOUT: _rollout(),
}


def rules_schema(kind: PolicyKind) -> Schema:
    """The JSON Schema of the rules of a kind."""
    return {"$schema": DIALECT, "title": f"Rules of a {kind} policy", **_OF_KIND[kind]}


def scopes_of(kind: PolicyKind) -> list[str]:
    """The scopes that policies of a kind may have, with X and y in place of codes."""
    return [scope_example(form) for form in SCOPES[kind]]
