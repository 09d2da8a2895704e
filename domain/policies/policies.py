"""Published policies: kinds, scopes, and the choice of the one that decides a case.

A version is never changed. Among the policies of a kind that apply, the most specific scope decides
alone; policies are not merged. Within a scope the newest version in force decides. A kind has only
the scopes whose facts its decisions know: see SCOPES.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Generic, TypeVar

import domain.policies.adjustments as adjustments
import domain.policies.continuity as continuity
import domain.policies.counts as counts
import domain.policies.dispositions as dispositions
import domain.policies.exceptions as exceptions
import domain.policies.fulfillments as fulfillments
import domain.policies.refunds as refunds
import domain.policies.returns as returns
import domain.policies.rollout as rollout
import domain.policies.routing as routing
from domain.errors import Invalid
from domain.policies.adjustments import AdjustmentRules
from domain.policies.continuity import ContinuityRules
from domain.policies.counts import CountRules
from domain.policies.dispositions import DispositionRules
from domain.policies.exceptions import ExceptionRules
from domain.policies.fulfillments import FulfillmentRules
from domain.policies.reading import Value
from domain.policies.refunds import RefundRules
from domain.policies.returns import ReturnRules
from domain.policies.rollout import RolloutDomain, RolloutMode, RolloutRules
from domain.policies.routing import RoutingRules
from domain.values.codes import stored_form

SCOPE_MAX: Final = 200

Rules = (
    RoutingRules
    | ReturnRules
    | DispositionRules
    | RefundRules
    | AdjustmentRules
    | ExceptionRules
    | FulfillmentRules
    | CountRules
    | ContinuityRules
    | RolloutRules
)
AnyRules = TypeVar("AnyRules", bound=Rules)


class PolicyKind(StrEnum):
    """Subject of a policy's decisions."""

    ROUTING = "ROUTING"
    """Locations that serve a demand, and units protected for channels."""
    RETURN = "RETURN"
    """Acceptance of a return: window, reasons, final sale, risk."""
    DISPOSITION = "DISPOSITION"
    """Disposition of a returned unit, by condition, reason and category."""
    REFUND = "REFUND"
    """Evidence, deductions, fees, and approvals required by amount."""
    ADJUSTMENT = "ADJUSTMENT"
    """Value up to which stock may be written down without approval."""
    EXCEPTION = "EXCEPTION"
    """Owner, severity and due time of each kind of exception."""
    FULFILLMENT = "FULFILLMENT"
    """Holds of new orders, and the carriers that deliver them."""
    COUNT = "COUNT"
    """Blind counts, differences that are counted again, and the cycle of counts."""
    CONTINUITY = "CONTINUITY"
    """Playbooks for disturbances, and limits of the health of integrations."""
    ROLLOUT = "ROLLOUT"
    """Domains in which policies decide, and those in which people do."""


ScopeForm = tuple[str, ...]
"""Names of the parts of a scope, such as ("channel", "category"); the global scope has none."""

_GLOBAL: Final[ScopeForm] = ()
_CHANNEL_OR_CATEGORY: Final = (_GLOBAL, ("channel",), ("category",), ("channel", "category"))
_LOCATION_OR_CATEGORY: Final = (_GLOBAL, ("location",), ("category",))
# The order in which a scope names its parts.
_PARTS: Final = ("channel", "category", "location")

# The forms of scope that each kind may have: a decision of the kind knows each of these facts.
SCOPES: Final[Mapping[PolicyKind, tuple[ScopeForm, ...]]] = MappingProxyType(
    {
        PolicyKind.ROUTING: _CHANNEL_OR_CATEGORY,
        PolicyKind.RETURN: _CHANNEL_OR_CATEGORY,
        PolicyKind.DISPOSITION: _LOCATION_OR_CATEGORY,
        PolicyKind.REFUND: _CHANNEL_OR_CATEGORY,
        PolicyKind.ADJUSTMENT: _LOCATION_OR_CATEGORY,
        PolicyKind.EXCEPTION: (_GLOBAL, ("location",), ("channel",)),
        PolicyKind.FULFILLMENT: (_GLOBAL, ("location",), ("channel",), ("channel", "location")),
        PolicyKind.COUNT: _LOCATION_OR_CATEGORY,
        PolicyKind.CONTINUITY: (_GLOBAL, ("location",), ("channel",)),
        PolicyKind.ROLLOUT: (_GLOBAL, ("location",), ("channel",), ("channel", "location")),
    }
)
_KNOWN_FORMS: Final = frozenset(form for forms in SCOPES.values() for form in forms)
_EXAMPLES: Final = {"location": "location:X", "channel": "channel:x", "category": "category:y"}


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of a case by which its policy is chosen; None: the case has no such fact."""

    channel: str | None = None
    category: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyScope:
    """Restriction of a policy; without any part it applies everywhere."""

    location: str | None = None
    channel: str | None = None
    category: str | None = None

    @property
    def form(self) -> ScopeForm:
        """Names of the parts that are set."""
        return tuple(name for name, _ in self._parts)

    @property
    def specificity(self) -> int:
        """Rank of the scope, higher is chosen: global, location, channel, category, a pair."""
        if len(self.form) > 1:
            return 4
        if self.category is not None:
            return 3
        if self.channel is not None:
            return 2
        return 1 if self.location is not None else 0

    def applies_to(self, facts: Facts) -> bool:
        """True if each part that is set equals that of the case."""
        return (
            self.location in (None, facts.location)
            and self.channel in (None, facts.channel)
            and self.category in (None, facts.category)
        )

    @property
    def _parts(self) -> tuple[tuple[str, str], ...]:
        """Name and code of the parts that are set, in the order of a scope's text."""
        codes = (self.channel, self.category, self.location)
        return tuple(
            (name, code) for name, code in zip(_PARTS, codes, strict=True) if code is not None
        )

    def __str__(self) -> str:
        return ",".join(f"{name}:{code}" for name, code in self._parts) or "global"


@dataclass(frozen=True, slots=True)
class PolicyVersion(Generic[AnyRules]):
    """One published version of the rules of a kind for a scope."""

    kind: PolicyKind
    scope: PolicyScope
    version: int
    effective_from: datetime
    rules: AnyRules


def parse_scope(text: str) -> PolicyScope:
    """Parse a scope that some kind may have, such as `global` or `channel:x,category:y`.

    Raises Invalid (field `scope`) for anything else.
    """
    return _parse_scope(text, _KNOWN_FORMS, "A scope")


def scope_for(kind: PolicyKind, text: str) -> PolicyScope:
    """Parse the scope of a policy to be published.

    Raises Invalid (field `scope`) with the allowed scopes if the kind cannot have this one.
    """
    return _parse_scope(text, SCOPES[kind], f"The scope of policies of the kind {kind}")


def _parse_scope(text: str, allowed: Iterable[ScopeForm], subject: str) -> PolicyScope:
    if text == "global":
        return PolicyScope()
    parts = [part.partition(":") for part in text.split(",")]
    if {name for name, _, _ in parts} == {"channel", "location"}:
        parts.sort()  # the pair is known in either order
    form = tuple(name for name, _, _ in parts)
    codes = [stored_form(code) for _, _, code in parts]
    if form not in allowed or len(text) > SCOPE_MAX or not all(map(_is_code, codes)):
        forms = sorted(allowed, key=lambda form: (len(form), form))
        examples = [scope_example(form) for form in forms]
        raise Invalid(
            f"{subject} must be {', '.join(examples[:-1])} or {examples[-1]}; "
            f"{text[:SCOPE_MAX]} was sent.",
            field=("scope",),
            details={"scope": text[:SCOPE_MAX], "allowed": examples},
        )
    return PolicyScope(**dict(zip(form, codes, strict=True)))


def scope_example(form: ScopeForm) -> str:
    """A scope of this form: `global`, or `channel:x,category:y` for the pair."""
    return ",".join(_EXAMPLES[name] for name in form) or "global"


def parse_rules(kind: PolicyKind, rules: object) -> Rules:
    """Parse the document of a kind. Raises all its faults: Invalid (field `rules`, …)."""
    value = Value(rules)
    match kind:
        case PolicyKind.ROUTING:
            return routing.parse(value)
        case PolicyKind.RETURN:
            return returns.parse(value)
        case PolicyKind.DISPOSITION:
            return dispositions.parse(value)
        case PolicyKind.REFUND:
            return refunds.parse(value)
        case PolicyKind.ADJUSTMENT:
            return adjustments.parse(value)
        case PolicyKind.EXCEPTION:
            return exceptions.parse(value)
        case PolicyKind.FULFILLMENT:
            return fulfillments.parse(value)
        case PolicyKind.COUNT:
            return counts.parse(value)
        case PolicyKind.CONTINUITY:
            return continuity.parse(value)
        case PolicyKind.ROLLOUT:
            return rollout.parse(value)


def choose(
    policies: Iterable[PolicyVersion[AnyRules]], facts: Facts, now: datetime
) -> PolicyVersion[AnyRules]:
    """The policy, among those of one kind, that decides a case at `now`.

    A stored policy with a scope that its kind cannot have never decides: earlier versions of the
    program accepted such scopes. Raises LookupError if no policy is in force; the installed
    defaults prevent that.
    """
    in_force = [
        policy
        for policy in policies
        if policy.effective_from <= now
        and policy.scope.form in SCOPES[policy.kind]
        and policy.scope.applies_to(facts)
    ]
    if not in_force:
        raise LookupError("no policy is in force")
    return max(in_force, key=lambda policy: (policy.scope.specificity, policy.version))


@dataclass(frozen=True, slots=True)
class HeldMode:
    """The mode of a domain of rollout, the policy that gives it, and since when it has been so."""

    domain: RolloutDomain
    mode: RolloutMode
    policy: PolicyVersion[RolloutRules]
    since: datetime


def held_modes(
    policies: Iterable[PolicyVersion[RolloutRules]], facts: Facts, now: datetime
) -> list[HeldMode]:
    """The mode of each domain for a case with these facts. `policies`: all published versions."""
    known = [policy for policy in policies if policy.effective_from <= now]
    starts = sorted({policy.effective_from for policy in known}, reverse=True)
    deciding = [(at, choose(known, facts, at).rules) for at in starts]
    present = choose(known, facts, now)
    held = []
    for domain in RolloutDomain:
        mode, since = present.rules.mode(domain), now
        for at, rules in deciding:
            if rules.mode(domain) is not mode:
                break
            since = at
        held.append(HeldMode(domain, mode, present, since))
    return held


def shared_category(categories: Iterable[str | None]) -> str | None:
    """The category of a case about several items: theirs if all have the same, else none."""
    found = set(categories)
    return found.pop() if len(found) == 1 else None


def takes_effect(asked: datetime | None, now: datetime) -> datetime:
    """The start of a policy published at `now`; Invalid (`effectiveFrom`) if in the past."""
    if asked is None:
        return now
    if asked < now:
        raise Invalid(
            f"`effectiveFrom` must not be before {now.isoformat()}; {asked.isoformat()} was sent.",
            field=("effectiveFrom",),
            details={"now": now.isoformat()},
        )
    return asked


def _is_code(code: str) -> bool:
    return bool(code) and code.isprintable()
