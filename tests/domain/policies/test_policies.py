import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import domain.policies.adjustments as adjustment_rules
import domain.policies.policies as policies
from domain.errors import DomainError, Invalid
from domain.policies.adjustments import AdjustmentRules
from domain.policies.defaults import DEFAULT_RULES, default_rules
from domain.policies.policies import Facts, PolicyKind, PolicyScope, PolicyVersion
from domain.policies.reading import Value
from domain.policies.refunds import RefundRules
from domain.values.currencies import DECIMALS
from domain.values.money import Money
from models.migrations import m0002_defaults

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WEB_SHOES = Facts(channel="web", category="shoes", location="LEEDS")
# from the least to the most specific
SCOPES = [
    *("global", "location:LEEDS", "channel:web", "category:shoes"),
    "channel:web,category:shoes",
]
PLACE_OF_CHANNEL = "channel:web,location:LEEDS"


def a_policy(
    scope: str, version: int = 1, days: int = 0, kind: PolicyKind = PolicyKind.ADJUSTMENT
) -> PolicyVersion[AdjustmentRules]:
    rules = adjustment_rules.parse(Value({"approvalAbove": {"GBP": "50.00"}}))
    return PolicyVersion(
        kind=kind,
        scope=policies.parse_scope(scope),
        version=version,
        effective_from=NOW + timedelta(days=days),
        rules=rules,
    )


@pytest.mark.parametrize("text", [*SCOPES, PLACE_OF_CHANNEL])
def test_a_scope_is_written_as_it_is_read(text: str) -> None:
    assert str(policies.parse_scope(text)) == text
    assert policies.parse_scope(text).applies_to(WEB_SHOES)


def test_scopes_have_the_order_of_the_contract() -> None:
    ranks = [policies.parse_scope(text).specificity for text in SCOPES]
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize(
    "text",
    [
        *("", "Global", "channel:", "channel", "web", "channel:a,channel:b", "channel:a,"),
        *("category:b,channel:a", "category:b,location:L", "shop:a", "channel:a\x00"),
        "channel:a,location:L,channel:b",
        "channel:" + "a" * 200,
    ],
)
def test_any_other_scope_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        policies.parse_scope(text)
    assert refusal.value.field == ("scope",)


def test_a_scope_applies_only_to_what_it_names() -> None:
    assert not policies.parse_scope("channel:web").applies_to(Facts(channel="amazon"))
    assert not policies.parse_scope("category:shoes").applies_to(Facts(channel="web"))
    both = policies.parse_scope("channel:web,category:shoes")
    assert not both.applies_to(Facts(channel="web", category="coats"))
    assert PolicyScope().applies_to(Facts())


# The scopes of each kind beside `global`, as the contract lists them.
BY_CHANNEL = {"channel:web", "category:shoes", "channel:web,category:shoes"}
# Kinds whose default a later version installs.
LATER = {PolicyKind.FULFILLMENT, PolicyKind.COUNT, PolicyKind.CONTINUITY, PolicyKind.ROLLOUT}
ALLOWED = {
    PolicyKind.ROUTING: BY_CHANNEL,
    PolicyKind.RETURN: BY_CHANNEL,
    PolicyKind.DISPOSITION: {"location:LEEDS", "category:shoes"},
    PolicyKind.REFUND: BY_CHANNEL,
    PolicyKind.ADJUSTMENT: {"location:LEEDS", "category:shoes"},
    PolicyKind.EXCEPTION: {"location:LEEDS", "channel:web"},
    PolicyKind.FULFILLMENT: {"location:LEEDS", "channel:web", PLACE_OF_CHANNEL},
    PolicyKind.COUNT: {"location:LEEDS", "category:shoes"},
    PolicyKind.CONTINUITY: {"location:LEEDS", "channel:web"},
    PolicyKind.ROLLOUT: {"location:LEEDS", "channel:web", PLACE_OF_CHANNEL},
}


def test_a_pair_of_channel_and_location_is_known_in_either_order() -> None:
    scope = policies.parse_scope("location:LEEDS,channel:web")
    assert str(scope) == PLACE_OF_CHANNEL
    assert scope.specificity > policies.parse_scope("channel:web").specificity


@pytest.mark.parametrize("kind", PolicyKind)
@pytest.mark.parametrize("text", [*SCOPES, PLACE_OF_CHANNEL])
def test_each_kind_has_its_scopes(kind: PolicyKind, text: str) -> None:
    if text in ALLOWED[kind] | {"global"}:
        assert str(policies.scope_for(kind, text)) == text
        return
    with pytest.raises(Invalid) as refusal:
        policies.scope_for(kind, text)
    assert refusal.value.field == ("scope",)
    allowed = refusal.value.details["allowed"]
    assert isinstance(allowed, list)
    assert {
        each.replace(":x", ":web").replace(":y", ":shoes").replace(":X", ":LEEDS")
        for each in allowed
    } == ALLOWED[kind] | {"global"}
    assert all(each in refusal.value.message for each in (*allowed, text, kind))


@given(
    st.permutations([*SCOPES, PLACE_OF_CHANNEL]),
    st.integers(1, len(SCOPES) + 1),
    st.sampled_from(PolicyKind),
)
def test_the_most_specific_scope_wins_whatever_the_order(
    order: list[str], count: int, kind: PolicyKind
) -> None:
    """A stored policy in a scope that its kind cannot have does not decide."""
    published = [a_policy(text, kind=kind) for text in ["global", *order[:count]]]
    knows = [text for text in order[:count] if text in ALLOWED[kind]]
    best = max(["global", *knows], key=[*SCOPES, PLACE_OF_CHANNEL].index)
    assert str(policies.choose(published, WEB_SHOES, NOW).scope) == best


@pytest.mark.parametrize(
    ("categories", "shared"),
    [([], None), (["a", "a"], "a"), (["a", "b"], None), (["a", None], None), ([None], None)],
)
def test_several_items_have_a_category_if_all_share_it(
    categories: list[str | None], shared: str | None
) -> None:
    assert policies.shared_category(categories) == shared


def test_the_newest_version_in_force_decides() -> None:
    published = [a_policy("global", 1, -9), a_policy("global", 2, -1), a_policy("global", 3, 1)]
    assert policies.choose(published, WEB_SHOES, NOW).version == 2
    assert policies.choose(published, WEB_SHOES, NOW + timedelta(days=1)).version == 3
    with pytest.raises(LookupError):
        policies.choose([a_policy("category:hats")], WEB_SHOES, NOW)


def test_a_policy_takes_effect_now_or_later() -> None:
    assert policies.takes_effect(None, NOW) == NOW
    assert policies.takes_effect(NOW, NOW) == NOW
    with pytest.raises(Invalid) as refusal:
        policies.takes_effect(NOW - timedelta(microseconds=1), NOW)
    assert refusal.value.field == ("effectiveFrom",)


@pytest.mark.parametrize("kind", PolicyKind)
def test_every_kind_has_a_default_that_is_valid_json(kind: PolicyKind) -> None:
    rules = json.loads(json.dumps(DEFAULT_RULES[kind]))
    assert policies.parse_rules(kind, rules) == policies.parse_rules(kind, DEFAULT_RULES[kind])


@pytest.mark.parametrize("currency", DECIMALS)
def test_defaults_have_their_limits_in_any_base_currency(currency: str) -> None:
    """Automatic up to 100, one approver up to 500, write-downs up to 50: whole units of it."""
    rules = default_rules(currency)
    first = {kind.value: rules[kind] for kind in PolicyKind if kind not in LATER}
    assert first == m0002_defaults.rules_in(currency)
    refunds = policies.parse_rules(PolicyKind.REFUND, rules[PolicyKind.REFUND])
    adjustments = policies.parse_rules(PolicyKind.ADJUSTMENT, rules[PolicyKind.ADJUSTMENT])
    assert isinstance(refunds, RefundRules)
    assert isinstance(adjustments, AdjustmentRules)
    for each in {"GBP", "EUR", "USD", currency}:
        unit = 10 ** DECIMALS[each]
        limits = [100 * unit, 100 * unit + 1, 500 * unit, 500 * unit + 1]
        assert [refunds.approvers(Money(minor, each)) for minor in limits] == [0, 1, 1, 2]
    unit = 10 ** DECIMALS[currency]
    assert not adjustments.needs_approval(Money(50 * unit, currency))
    assert adjustments.needs_approval(Money(50 * unit + 1, currency))


@given(
    kind=st.sampled_from(PolicyKind),
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["order", "table", "bands", "GBP", "kinds", "window", "holds", "x", ""]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
)
def test_rubbish_is_refused_and_never_crashes(kind: PolicyKind, document: Any) -> None:
    paths = []
    try:
        policies.parse_rules(kind, document)
    except DomainError as refusal:
        paths = [str(each.details["path"]) for each in refusal.parts]
    assert all(path.startswith("rules") for path in paths)
