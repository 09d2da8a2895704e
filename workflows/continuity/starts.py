"""Start of a playbook: its run, its measures, and what they will affect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson

import models.queries.catalog.lookups as lookups
import workflows.continuity.estimates as estimates
import workflows.continuity.records as records
import workflows.policies.publishing as policies
from domain.access.callers import SYSTEM, Caller
from domain.continuity.measures import MOVED_BY_JOB, Limit
from domain.continuity.runs import (
    PLACES_MAX,
    SKUS_MAX,
    PlaybookStatus,
    check_limits,
    check_reach,
    measures_with,
    refuse_unknown,
)
from domain.errors import DomainError, Forbidden, Invalid, LimitExceeded, NotFound
from domain.events.policies import PlaybookStarted
from domain.integrations.validation import carrier_of
from domain.policies.continuity import ContinuityRules, EndBy, MeasureKind, Playbook
from domain.policies.policies import PolicyKind, PolicyVersion
from domain.problems import Problems
from domain.values.codes import same_code
from domain.values.texts import NOTE_MAX, check_text
from models.integrations import Integration
from models.policies import (
    PlaybookCarrier,
    PlaybookItem,
    PlaybookMeasure,
    PlaybookPlace,
    PlaybookRun,
    PlaybookRunRow,
)
from models.queries.catalog.lookups import ItemFacts
from models.queries.continuity.counts import Restriction
from workflows.continuity.commands import StartPlaybook
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

ENDS_WITHIN: Final = timedelta(days=366)
# Measures that need the figures of a feed: no channel has one.
UNREADY: Final = frozenset({MeasureKind.KEEP_SHOWN})


@dataclass(frozen=True, slots=True)
class _Named:
    """The codes of a command as they were issued, and their ids; None: all."""

    channels: Mapping[str, int] | None
    locations: Mapping[str, int] | None
    items: Mapping[str, int] | None
    carriers: Sequence[str] | None

    @property
    def restriction(self) -> Restriction:
        """The ids, for queries."""
        return Restriction(
            channel_ids=None if self.channels is None else list(self.channels.values()),
            location_ids=None if self.locations is None else list(self.locations.values()),
            item_ids=None if self.items is None else list(self.items.values()),
            carriers=self.carriers,
        )


@one_by_one("playbookStart")
async def start(tx: Transaction, command: StartPlaybook, caller: Caller) -> Mapping[str, Any]:
    """Start a playbook of the CONTINUITY policy. Its measures hold as soon as this has committed.

    The policy of the one channel or location named decides, else the global one. Raises Invalid
    (an unknown playbook, a restriction that no measure knows, or SKUs that are missing), NotFound,
    LimitExceeded, or Forbidden beyond the caller's own scope; all faults at once. Records
    `playbook.started`, unless it only counts.
    """
    _check_scope(command, caller)
    try:
        named, policy, measures = await _checked(tx, command, caller)
    except DomainError as error:
        raise error.under("input") from None
    check_reach(measures, caller)
    if command.is_dry_run:
        affected = await _affected(tx, named, measures)
        return {"measures": [[str(kind), measures[kind], affected[kind]] for kind in measures]}
    run_id = await _begin(tx, command, caller.actor, named, policy, measures, None)
    return {"run": str(run_id)}


async def start_for(
    tx: Transaction,
    integration: Integration,
    policy: PolicyVersion[ContinuityRules],
    channel: str | None,
) -> UUID | None:
    """Start the measures that a policy takes while a locked integration is DOWN, as `system`.

    They are restricted to its channel or carrier. None: no measure can be taken.
    """
    rule = policy.rules.on_down.get(integration.kind)
    measures = {} if rule is None else {k: n for k, n in rule.measures.items() if k not in UNREADY}
    if not measures:
        return None
    carrier = carrier_of(integration.code)
    named = _Named(
        channels=None if channel is None else {channel: integration.channel_id},
        locations=None,
        items=None,
        carriers=None if carrier is None else [carrier],
    )
    command = StartPlaybook(
        playbook=f"onDown.{integration.kind}",
        reason=f"The integration {integration.code} is DOWN.",
    )
    return await _begin(tx, command, SYSTEM.actor, named, policy, measures, integration.id)


async def _affected(
    tx: Transaction, named: _Named, measures: Iterable[MeasureKind]
) -> Mapping[MeasureKind, int]:
    return {kind: await estimates.count(tx, kind, named.restriction) for kind in measures}


async def _begin(
    tx: Transaction,
    command: StartPlaybook,
    actor: str,
    named: _Named,
    policy: PolicyVersion[ContinuityRules],
    measures: Mapping[MeasureKind, int | None],
    integration_id: UUID | None,
) -> UUID:
    """Add a run with its measures, its event and its audit row."""
    row = _run_row(tx, command, actor, named, policy, measures)
    row["integration_id"] = integration_id
    tx.add(PlaybookRun, row)
    _add_parts(tx, row["id"], named, measures, await _affected(tx, named, measures))
    event = PlaybookStarted(**records.facts(row, measures), ends_at=command.ends_at)
    records.record(tx, row, event, actor)
    tx.outbox.audit(
        actor,
        "playbookStart",
        ("PlaybookRun", row["id"]),
        after={
            "playbook": row["playbook"],
            "measures": {str(kind): units for kind, units in measures.items()},
            "policyScope": row["policy_scope"],
            "policyVersion": row["policy_version"],
            "skus": None if named.items is None else list(named.items),
        },
    )
    return row["id"]


def _check_scope(command: StartPlaybook, caller: Caller) -> None:
    """Raise Forbidden for a run that is not restricted to the caller's channels and locations."""
    if (caller.channels is not None and command.channels is None) or (
        caller.locations is not None and command.locations is None
    ):
        raise Forbidden(
            f"{caller.actor} may start playbooks only for its own channels and locations."
        )


async def _checked(
    tx: Transaction, command: StartPlaybook, caller: Caller
) -> tuple[_Named, PolicyVersion[ContinuityRules], Mapping[MeasureKind, int | None]]:
    problems = Problems()
    with problems.under():
        check_text(command.reason, "reason", longest=NOTE_MAX)
        if not command.reason.strip():
            raise Invalid("A reason is required.", field=("reason",))
    with problems.under():
        _check_end(command.ends_at, tx.now)
    problems.each(_length_checks(command))
    problems.refuse_excess()
    named = await _named(tx, command, caller, problems)
    policy = await policies.decide(
        tx.session,
        PolicyKind.CONTINUITY,
        tx.now,
        channel=_single(named.channels),
        location=_single(named.locations),
    )
    playbook = _playbook(policy.rules, command.playbook, problems)
    measures: Mapping[MeasureKind, int | None] = {}
    if playbook is not None:
        given = [each for each in Limit if getattr(command, each) is not None]
        problems.errors.extend(check_limits(playbook, given))
        problems.errors.extend(_unready(playbook))
        with problems.under():
            measures = measures_with(playbook, command.units)
    problems.refuse()
    return named, policy, measures


def _unready(playbook: Playbook) -> Iterator[Invalid]:
    """The fault of a measure that needs the figures of a feed: no channel has one."""
    if UNREADY & playbook.measures.keys():
        yield Invalid(
            "KEEP_SHOWN needs a channel with a feed; no channel has one.", field=("playbook",)
        )


def _check_end(ends_at: datetime | None, now: datetime) -> None:
    if ends_at is not None and not now < ends_at <= now + ENDS_WITHIN:
        raise Invalid(
            f"`endsAt` must be after {now.isoformat()} and within {ENDS_WITHIN.days} days;"
            f" {ends_at.isoformat()} was sent.",
            field=("endsAt",),
            details={"now": now.isoformat()},
        )


def _length_checks(command: StartPlaybook) -> Iterator[partial[None]]:
    for limit in Limit:
        codes = getattr(command, limit)
        if codes is not None:
            most = SKUS_MAX if limit is Limit.SKUS else PLACES_MAX
            yield partial(_check_length, limit, codes, most)


def _check_length(limit: Limit, codes: Sequence[str], most: int) -> None:
    if not codes:
        raise Invalid(
            f"`{limit}` must name at least one, or be left out: then it is all.", field=(limit,)
        )
    if len(codes) > most:
        raise LimitExceeded(limit, most, len(codes), field=(limit,))


async def _named(
    tx: Transaction, command: StartPlaybook, caller: Caller, problems: Problems
) -> _Named:
    """The ids of the codes; the faults of all of them are collected."""
    channels = await lookups.channels_by_code(tx.session, command.channels or ())
    locations = await lookups.locations_by_code(tx.session, command.locations or ())
    items = await lookups.items_by_sku(tx.session, command.skus or ())
    seen = {
        Limit.CHANNELS: {
            code: (channels[code].code, channels[code].id)
            for code in command.channels or ()
            if code in channels and caller.sees_channel(code)
        },
        Limit.LOCATIONS: {
            code: (locations[code].code, locations[code].id)
            for code in command.locations or ()
            if code in locations and caller.sees_location(code)
        },
        Limit.SKUS: {
            code: (_sku(items[code]), items[code].id)
            for code in command.skus or ()
            if code in items
        },
    }
    nouns = {Limit.CHANNELS: "channel", Limit.LOCATIONS: "location", Limit.SKUS: "item"}
    for limit, noun in nouns.items():
        for index, code in enumerate(getattr(command, limit) or ()):
            if code not in seen[limit]:
                problems.errors.append(NotFound(noun, code, field=(limit, str(index))))
    return _Named(
        channels=None if command.channels is None else dict(seen[Limit.CHANNELS].values()),
        locations=None if command.locations is None else dict(seen[Limit.LOCATIONS].values()),
        items=None if command.skus is None else dict(seen[Limit.SKUS].values()),
        carriers=_carriers(tx, command, problems),
    )


def _sku(item: ItemFacts) -> str:
    return item.sku


def _carriers(tx: Transaction, command: StartPlaybook, problems: Problems) -> Sequence[str] | None:
    """The codes of the carriers as the settings spell them."""
    if command.carriers is None:
        return None
    found: dict[str, None] = {}
    for index, code in enumerate(command.carriers):
        known = next((each for each in tx.terms.carriers if same_code(each, code)), None)
        if known is None:
            problems.errors.append(
                Invalid(
                    f"The carrier {code!r} is not configured; allowed:"
                    f" {', '.join(tx.terms.carriers)}.",
                    field=("carriers", str(index)),
                    details={"allowed": list(tx.terms.carriers)},
                )
            )
        else:
            found[known] = None
    return list(found)


def _single(codes: Mapping[str, int] | None) -> str | None:
    return next(iter(codes)) if codes is not None and len(codes) == 1 else None


def _playbook(rules: ContinuityRules, name: str, problems: Problems) -> Playbook | None:
    playbook = rules.playbooks.get(name)
    if playbook is None:
        problems.errors.append(refuse_unknown(name[:200], rules.playbooks, field=("playbook",)))
    return playbook


def _run_row(
    tx: Transaction,
    command: StartPlaybook,
    actor: str,
    named: _Named,
    policy: PolicyVersion[ContinuityRules],
    measures: Mapping[MeasureKind, int | None],
) -> PlaybookRunRow:
    is_moving = bool(MOVED_BY_JOB & measures.keys())
    playbook = policy.rules.playbooks.get(command.playbook)
    return {
        "id": tx.new_id(),
        "playbook": command.playbook,
        "status": str(PlaybookStatus.STARTING if is_moving else PlaybookStatus.ACTIVE),
        "reason": command.reason,
        "policy_scope": str(policy.scope),
        "policy_version": policy.version,
        "end_by": str(EndBy.ANY if playbook is None else playbook.end_by),
        "channels": _json(named.channels),
        "locations": _json(named.locations),
        "skus": _json(named.items),
        "carriers": _json(named.carriers),
        "started_by": actor,
        "started_at": tx.now,
        "ends_at": command.ends_at,
        "ended_by": None,
        "ended_at": None,
        "end_note": None,
        "barrier": None,
        "integration_id": None,
        "version": 1,
    }


def _json(codes: Mapping[str, int] | Sequence[str] | None) -> str | None:
    return None if codes is None else orjson.dumps(list(codes)).decode()


def _add_parts(
    tx: Transaction,
    run_id: UUID,
    named: _Named,
    measures: Mapping[MeasureKind, int | None],
    affected: Mapping[MeasureKind, int],
) -> None:
    """Add the measures, places and items of a run. A job counts what it moves by itself."""
    for kind, units in measures.items():
        count = 0 if kind in MOVED_BY_JOB else affected[kind]
        measure = {"id": tx.new_id(), "run_id": run_id, "kind": str(kind)}
        tx.add(PlaybookMeasure, {**measure, "units": units, "affected": count})
    for channel_id in (named.channels or {}).values():
        place = {"id": tx.new_id(), "run_id": run_id, "channel_id": channel_id}
        tx.add(PlaybookPlace, {**place, "location_id": None})
    for location_id in (named.locations or {}).values():
        place = {"id": tx.new_id(), "run_id": run_id, "channel_id": None}
        tx.add(PlaybookPlace, {**place, "location_id": location_id})
    for carrier in named.carriers or ():
        tx.add(PlaybookCarrier, {"id": tx.new_id(), "run_id": run_id, "carrier": carrier})
    for item_id in (named.items or {}).values():
        tx.add(PlaybookItem, {"id": tx.new_id(), "run_id": run_id, "item_id": item_id})
