"""Events of runs of playbooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

import orjson

from domain.continuity.runs import PlaybookStatus
from domain.events.policies import PlaybookPayload
from domain.policies.continuity import MeasureKind
from models.policies import PlaybookRunRow
from workflows.transactions.transaction import Transaction


class PlaybookFacts(TypedDict):
    """The fields that every event of a playbook has, for `**`."""

    playbook: str
    status: PlaybookStatus
    measures: tuple[MeasureKind, ...]
    channels: tuple[str, ...] | None
    locations: tuple[str, ...] | None
    skus: int | None
    carriers: tuple[str, ...] | None


def codes(text: str | None) -> tuple[str, ...] | None:
    """The codes in a column of a run; None: all."""
    return None if text is None else tuple(orjson.loads(text))


def facts(row: PlaybookRunRow, measures: Iterable[MeasureKind]) -> PlaybookFacts:
    """The facts of a run that its events have."""
    skus = codes(row["skus"])
    return {
        "playbook": row["playbook"],
        "status": PlaybookStatus(row["status"]),
        "measures": tuple(measures),
        "channels": codes(row["channels"]),
        "locations": codes(row["locations"]),
        "skus": None if skus is None else len(skus),
        "carriers": codes(row["carriers"]),
    }


def record(tx: Transaction, row: PlaybookRunRow, event: PlaybookPayload, actor: str) -> None:
    """Record an event of a run."""
    tx.outbox.record(event, row["id"], actor=actor, version=row["version"])
