"""End of a playbook: by a person, or by the clock. Its measures no longer hold from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import models.queries.continuity.reads as run_reads
import models.queries.continuity.runs as run_queries
import workflows.continuity.records as records
from domain.access.callers import SYSTEM, Caller
from domain.continuity.measures import MOVED_BY_JOB
from domain.continuity.runs import LIVE, PlaybookStatus, check_end, check_reach
from domain.errors import Forbidden, Invalid, NotFound
from domain.events.policies import PlaybookEnded
from domain.policies.continuity import EndBy, MeasureKind
from domain.problems import Problems
from domain.values.texts import NOTE_MAX, check_text
from models.policies import PlaybookRunRow
from models.queries.listing.scopes import scope_of
from workflows.continuity.commands import EndPlaybook
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction

ENDED_MAX: Final = 100


@one_by_one("playbookEnd")
async def end(tx: Transaction, command: EndPlaybook, caller: Caller) -> Mapping[str, Any]:
    """End a run of a playbook. A job moves back what it moved.

    Locks the run. Raises IllegalTransition if it has ended, SelfApproval if the playbook must be
    ended by another actor than the one that started it, Forbidden beyond the caller's own scope,
    Invalid, or NotFound. Records `playbook.ended`.
    """
    problems = Problems()
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
        if not command.note.strip():
            raise Invalid("A note is required.", field=("note",))
    with problems.under():
        scope = await scope_of(tx.session, caller)
        if command.run_id not in await run_reads.runs_by_id(tx.session, scope, [command.run_id]):
            raise NotFound("playbook run", str(command.run_id), field=("id",))
    problems.refuse()
    row = await run_queries.lock_run(tx.session, command.run_id)
    assert row is not None
    _check_scope(row, caller)
    kinds = await measures_of(tx, row["id"])
    check_reach(kinds, caller)
    check_end(PlaybookStatus(row["status"]), EndBy(row["end_by"]), row["started_by"], caller.actor)
    await finish(tx, row, kinds, caller.actor, command.note)
    return {"run": str(row["id"])}


def _check_scope(row: PlaybookRunRow, caller: Caller) -> None:
    """Raise Forbidden for a run that concerns more than the caller's channels and locations."""
    for own, named in (
        (caller.channels, records.codes(row["channels"])),
        (caller.locations, records.codes(row["locations"])),
    ):
        if own is not None and named is None:
            raise Forbidden(
                f"{caller.actor} may end playbooks only of its own channels and locations."
            )
    channels, locations = records.codes(row["channels"]), records.codes(row["locations"])
    if not all(map(caller.sees_channel, channels or ())) or not all(
        map(caller.sees_location, locations or ())
    ):
        raise Forbidden(f"{caller.actor} may end playbooks only of its own channels and locations.")


async def measures_of(tx: Transaction, run_id: UUID) -> list[MeasureKind]:
    """The kinds of the measures of a run."""
    return [MeasureKind(row["kind"]) for row in await run_queries.measures_of(tx.session, run_id)]


async def finish(
    tx: Transaction,
    row: PlaybookRunRow,
    measures: Sequence[MeasureKind],
    actor: str,
    note: str | None,
) -> None:
    """End a locked run that is live. Records `playbook.ended`."""
    is_moving = bool(MOVED_BY_JOB & set(measures))
    status = PlaybookStatus.ENDING if is_moving else PlaybookStatus.ENDED
    await run_queries.write_end(tx.session, row["id"], status, actor, tx.now, note)
    after: PlaybookRunRow = {**row, "status": str(status), "version": row["version"] + 1}
    records.record(tx, after, PlaybookEnded(**records.facts(after, measures)), actor)
    tx.outbox.audit(
        actor,
        "playbookEnd",
        ("PlaybookRun", row["id"]),
        before={"status": row["status"]},
        after={"status": str(status), "hasNote": note is not None},
    )


async def end_by_clock(tx: Transaction) -> int:
    """End the runs whose `endsAt` has come, at most ENDED_MAX. Returns their number."""
    ended = 0
    for run_id in await run_queries.over(tx.session, tx.now, ENDED_MAX):
        row = await run_queries.try_lock_run(tx.session, run_id)
        if row is not None and PlaybookStatus(row["status"]) in LIVE:
            await finish(tx, row, await measures_of(tx, run_id), SYSTEM.actor, None)
            ended += 1
    return ended
