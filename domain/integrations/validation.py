"""Checks of the fields of an integration, and what they change."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import domain.values.durations as durations
from domain.errors import Invalid, LimitExceeded
from domain.integrations.addresses import check_url
from domain.integrations.commands import FeedChoices, UpsertIntegration
from domain.integrations.secrets import OVERLAP_MAX
from domain.integrations.states import IntegrationKind
from domain.problems import Problems
from domain.values.texts import check_code, check_name

# Kinds that integrationUpsert takes. The others follow the settings.
UPSERTED: Final = (IntegrationKind.WEBHOOK, IntegrationKind.CHANNEL)
# The code of the payment gateway. Codes of carriers have a slash, which no other code may have.
PAYMENTS_CODE: Final = "payments"
_CARRIERS: Final = "carriers/"
PUSHES_MAX: Final = 6_000
BATCH_MAX: Final = 1_000
FEED_DEFAULTS: Final[Mapping[str, object]] = {
    "pushes_per_minute": 600,
    "batch_max": 500,
    "pull_every": "PT5S",
    "compare_every": "PT15M",
    "refunds": False,
}
_PULL_RANGE: Final = (timedelta(seconds=1), timedelta(days=1))
_COMPARE_RANGE: Final = (timedelta(minutes=1), timedelta(days=7))


def carrier_code(code: str) -> str:
    """The integration code of a carrier of the settings."""
    return f"{_CARRIERS}{code}"


def carrier_of(integration_code: str) -> str | None:
    """The code of the carrier of an integration; None: it is not a carrier."""
    if not integration_code.startswith(_CARRIERS):
        return None
    return integration_code.removeprefix(_CARRIERS)


def check_upsert(command: UpsertIntegration, problems: Problems) -> None:
    """Collect the faults of the fields, each by itself; paths as in IntegrationInput."""
    with problems.under():
        check_code(command.code, "code")
        if command.code.lower() == PAYMENTS_CODE:
            raise Invalid("The code payments is that of the payment gateway.", field=("code",))
    with problems.under():
        if command.kind not in UPSERTED:
            raise Invalid(
                f"An integration of kind {command.kind} follows the settings;"
                f" allowed: {', '.join(UPSERTED)}.",
                field=("kind",),
            )
    with problems.under():
        if command.name is not None:
            check_name(command.name, "name")
    with problems.under():
        if command.url is not None:
            check_url(command.url, command.kind)
    for name, given, kind in (
        ("webhook", command.webhook, IntegrationKind.WEBHOOK),
        ("feed", command.feed, IntegrationKind.CHANNEL),
    ):
        with problems.under(name):
            if given is not None and command.kind is not kind:
                raise Invalid(f"Only an integration of kind {kind} has {name}.")
    if command.feed is not None:
        _check_feed(command.feed, problems)


def _check_feed(feed: FeedChoices, problems: Problems) -> None:
    for name, count, most in (
        ("pushesPerMinute", feed.pushes_per_minute, PUSHES_MAX),
        ("batchMax", feed.batch_max, BATCH_MAX),
    ):
        with problems.under("feed", name):
            if count is not None and not 1 <= count <= most:
                raise LimitExceeded(name, min(max(count, 1), most), count)
    for name, text, (least, longest) in (
        ("pullEvery", feed.pull_every, _PULL_RANGE),
        ("compareEvery", feed.compare_every, _COMPARE_RANGE),
    ):
        with problems.under("feed", name):
            if text is not None and not _is_within(text, least, longest):
                shortest, most_text = durations.text_of(least), durations.text_of(longest)
                raise Invalid(
                    f"{text[:40]!r} is not a duration from {shortest} to {most_text}, such as PT5M."
                )


def _is_within(text: str, least: timedelta, longest: timedelta) -> bool:
    try:
        return least <= durations.parse(text) <= longest
    except ValueError:
        return False


def feed_facts(feed: FeedChoices) -> dict[str, object]:
    """The columns that the given settings of a feed change."""
    given: dict[str, object] = {
        "pushes_per_minute": feed.pushes_per_minute,
        "batch_max": feed.batch_max,
        "pull_every": feed.pull_every,
        "compare_every": feed.compare_every,
        "refunds": feed.refunds,
    }
    return {column: value for column, value in given.items() if value is not None}


def check_overlap(seconds: int) -> None:
    """Raise LimitExceeded (field `overlapSeconds`) unless 0 ≤ seconds ≤ OVERLAP_MAX."""
    nearest = min(max(seconds, 0), OVERLAP_MAX)
    if seconds != nearest:
        raise LimitExceeded("overlapSeconds", nearest, seconds, field=("overlapSeconds",))
