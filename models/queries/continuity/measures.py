"""The measures of runs that have started and have not ended: what every decision reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, TypedDict
from uuid import UUID

import orjson

from domain.continuity.measures import NO_MEASURES, Measure, Measures, keys_or_all
from domain.policies.continuity import MeasureKind
from models.database.sessions import Session
from models.database.sql import KeptAnswers, Question, question

# Usually the index of live runs is empty, and nothing else is read.
_ACTIVE = """
SELECT m.kind, m.units, r.id AS run_id, r.playbook, r.ends_at,
  CAST(r.channels AS text) AS channels, CAST(r.locations AS text) AS locations,
  CAST(r.skus AS text) AS skus, CAST(r.carriers AS text) AS carriers
FROM playbook_run r JOIN playbook_measure m ON m.run_id = r.id
WHERE r.status IN ('STARTING','ACTIVE') ORDER BY r.started_at, r.id, m.kind
"""
_KEPT = KeptAnswers()
LISTS_MAX: Final = 128


class _ActiveRow(TypedDict):
    kind: str
    units: int | None
    run_id: UUID
    playbook: str
    ends_at: datetime | None
    channels: str | None
    locations: str | None
    skus: str | None
    carriers: str | None


def active() -> Question[Measures]:
    """The measures of live runs, oldest first. Some may have ended by the clock."""
    return question(_ActiveRow, _ACTIVE, (), _read, _KEPT)


def _read(rows: Sequence[_ActiveRow]) -> Measures:
    return Measures(tuple(map(_measure, rows))) if rows else NO_MEASURES


def _measure(row: _ActiveRow) -> Measure:
    return Measure(
        kind=MeasureKind(row["kind"]),
        units=row["units"] or 0,
        run_id=row["run_id"],
        playbook=row["playbook"],
        ends_at=row["ends_at"],
        channels=_keys(row["channels"]),
        locations=_keys(row["locations"]),
        skus=_keys(row["skus"]),
        carriers=_keys(row["carriers"]),
    )


@lru_cache(maxsize=LISTS_MAX)
def _keys(text: str | None) -> frozenset[str] | None:
    """The keys of the codes in a list. The lists of a run never change, and every decision reads
    them: the keys of 4 × 1,000 SKUs would take 6 ms each time.
    """
    return keys_or_all(None if text is None else orjson.loads(text))


_CAPS = """
SELECT m.id FROM playbook_measure m
WHERE m.kind = 'CAP_LOCATION' AND m.run_id = ANY(ARRAY(
  SELECT r.id FROM playbook_run r WHERE r.status IN ('STARTING','ACTIVE')))
ORDER BY m.id FOR NO KEY UPDATE OF m
"""


async def lock_caps(session: Session) -> None:
    """Lock the active limits of parcels."""
    await session.fetch(_CAPS)


async def try_lock_caps(session: Session) -> bool:
    """Lock the active limits of parcels. False if another transaction has locked one of them."""
    free = await session.fetch(f"{_CAPS.rstrip()} SKIP LOCKED")
    every = await session.fetch(_CAPS.partition("ORDER BY")[0])
    return len(free) == len(every)
