"""Policies: versions, publishing, preview on past cases, rollout. Playbooks: runs, start, end."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from strawberry import ID, UNSET, argument

import models.queries.continuity.reads as run_reads
import models.queries.reads.policies as policy_reads
import models.queries.rollout.reports as shadow_reads
import schema.mutations.continuity as playbook_commands
import workflows.continuity.ends
import workflows.continuity.starts
import workflows.policies.previews
import workflows.policies.publishing
from domain.policies.policies import Facts, held_modes
from domain.policies.rollout import COUNTED_FOR
from domain.policies.rollout import RolloutDomain as Domain
from schema.context import Info
from schema.errors import user_errors
from schema.fields.arguments import After, First, given
from schema.fields.enums import PolicyKind, RolloutDomain
from schema.fields.node import load
from schema.fields.paging import Connection, Paged, selection_of, window
from schema.fields.places import channel_seen, location_seen
from schema.mutations.continuity import PlaybookInput, PlaybookPayload
from schema.mutations.perform import perform_action, perform_mutation
from schema.mutations.policies import PolicyInput, PolicyPayload
from schema.types.policies import (
    Measure,
    PlaybookRun,
    Policy,
    PolicySchema,
    RolloutSwitch,
    ShadowCase,
    ShadowDifference,
    ShadowReport,
)
from schema.types.previews import PolicyPreview
from server.projection.list_sizes import PAGE_MAX, sized
from workflows.transactions.outcomes import Outcome

LAST_DEFAULT = 100


@sized(PAGE_MAX)
async def policies(
    info: Info,
    kind: PolicyKind | None = UNSET,
    scope: Annotated[
        str | None, argument(description="Only of exactly this scope: `global`, `channel:web`, …")
    ] = UNSET,
) -> list[Policy]:
    """Policy versions, newest first. Null arguments do not filter."""
    rows = await policy_reads.policies(
        *await info.context.opened(), kind=given(kind), policy_scope=given(scope)
    )
    return [Policy.from_row(row, info.context) for row in rows]


async def policy_schemas(info: Info, kind: PolicyKind | None = UNSET) -> list[PolicySchema]:
    """The structure of the rules of each kind. A null `kind` does not filter."""
    named = given(kind)
    return [PolicySchema.of(each) for each in PolicyKind if named in (None, each)]


async def policy_publish(info: Info, input: PolicyInput) -> PolicyPayload | None:
    """Publish the next version of a policy. Earlier decisions keep the version that made them.

    FORBIDDEN if the role may not publish policies of this kind; each kind has its own permission.
    Refused: INVALID with the path of the error in the rules, NOT_FOUND for a code in the scope,
    POLICY_VIOLATION for a domain that becomes LIVE with too few shadow cases that agree.
    """
    return await perform_mutation(
        info, workflows.policies.publishing.publish, input.to_command, PolicyPayload
    )


@sized(by="last")
async def policy_preview(
    info: Info,
    input: PolicyInput,
    last: Annotated[
        int | None, argument(description="Number of past returns or refunds to evaluate: 1 to 250.")
    ] = LAST_DEFAULT,
) -> PolicyPreview:
    """Preview of a policy on past cases; nothing is published.

    Available for RETURN, DISPOSITION and REFUND; other kinds are BAD_REQUEST, and so are invalid
    rules. FORBIDDEN if the role may not read such cases.
    """
    context = info.context
    command = input.to_command()
    workflows.policies.previews.admit(context.caller, command.kind)
    found = await workflows.policies.previews.preview(
        *await context.opened(),
        command,
        LAST_DEFAULT if last is None else last,
        context.now,
    )
    return await PolicyPreview.of(found, context)


Channel = Annotated[str | None, argument(description="Code of a channel.")]
Location = Annotated[str | None, argument(description="Code of a location.")]


@sized(len(Domain))
async def rollout(
    info: Info, channel: Channel = UNSET, location: Location = UNSET
) -> list[RolloutSwitch]:
    """The mode of each domain, as it holds for new cases of the channel at the location now.

    Without a channel or location, only policies apply that name none. A code that the caller may
    not see is BAD_REQUEST.
    """
    of_channel = await channel_seen(info, given(channel))
    of_place = await location_seen(info, given(location))
    facts = Facts(
        channel=None if of_channel is None else of_channel.code,
        location=None if of_place is None else of_place.code,
    )
    context = info.context
    versions = await workflows.policies.publishing.every_rollout(await context.session())
    return [RolloutSwitch.of(each) for each in held_modes(versions, facts, context.now)]


@sized(by="first")
async def shadow_report(
    info: Info,
    domain: Annotated[RolloutDomain, argument(description="Decisions to report about.")],
    channel: Channel = UNSET,
    location: Location = UNSET,
    since: Annotated[
        datetime | None,
        argument(description="Only cases that began from then on; absent: of the last 14 days."),
    ] = UNSET,
    disagreed: Annotated[
        bool | None,
        argument(description="True: `nodes` has only cases whose decisions differ."),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
) -> ShadowReport:
    """Shadow cases of a domain, newest first, and how far the policy agrees with people.

    `location`: where the returned units are or go, or the one location that supplies the order.
    A code that the caller may not see is BAD_REQUEST.
    """
    context = info.context
    of_channel = await channel_seen(info, given(channel))
    of_place = await location_seen(info, given(location))
    choice = shadow_reads.ShadowFilter(
        domain,
        given(since) or context.now - COUNTED_FOR,
        None if of_channel is None else of_channel.code,
        None if of_place is None else of_place.code,
    )
    session, scope = await context.opened()
    page = await shadow_reads.cases(
        session,
        scope,
        choice,
        window(first, after, None, None),
        only_disagreed=bool(given(disagreed)),
    )
    counts = await shadow_reads.counts(session, scope, choice)
    differences = await shadow_reads.differences(session, scope, choice)
    nodes = [await ShadowCase.of(row, context) for row in page.rows]
    compared, agreed = counts["compared"], int(counts["agreed"])
    return ShadowReport(
        domain=domain,
        since=choice.since,
        cases=counts["cases"],
        open=counts["cases"] - compared,
        agreed=agreed,
        agreement=agreed / compared if compared else None,
        differences=[ShadowDifference(**row) for row in differences],
        nodes=[node for node in nodes if node is not None],
        page_info=Paged(page, lambda row, _: row, context).as_page_info(),
    )


async def playbook_runs(
    info: Info,
    active: Annotated[
        bool | None,
        argument(description="True: only runs that have not ENDED; false: only those that have."),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
) -> Connection[PlaybookRun]:
    """Runs of playbooks, newest first."""
    page = await run_reads.runs(
        *await info.context.opened(),
        window(first, after, None, None, selection_of(info)),
        is_active=given(active),
    )
    return Connection(page, PlaybookRun.from_row, info.context)


async def playbook_start(info: Info, input: PlaybookInput) -> PlaybookPayload | None:
    """Start a playbook. All that begins after the answer obeys its measures.

    What must be moved is moved by a job; the run is STARTING until then. FORBIDDEN for a run that
    is not restricted to the channels and locations of the key. Refused: INVALID for an unknown
    playbook, a list that no measure knows, or missing SKUs; NOT_FOUND, LIMIT_EXCEEDED.
    """
    outcome = await perform_action(info, workflows.continuity.starts.start, input.to_command)
    return await _payload(info, outcome)


async def playbook_end(
    info: Info,
    id: Annotated[ID, argument(description="Id of the run.")],
    note: Annotated[str, argument(description="Reason, as free text; 1 to 2,000 characters.")],
) -> PlaybookPayload | None:
    """End a playbook: its measures no longer hold, and a job moves back what it moved.

    Refused: SELF_APPROVAL if another actor than the one that started it must end it,
    ILLEGAL_TRANSITION if it has ended, INVALID, NOT_FOUND.
    """
    outcome = await perform_action(
        info, workflows.continuity.ends.end, lambda: playbook_commands.end(id, note)
    )
    return await _payload(info, outcome)


async def _payload(info: Info, outcome: Outcome) -> PlaybookPayload:
    """The payload with the run of an outcome, or with what a dry run has counted."""
    context = info.context
    run = None
    counted: list[Any] = outcome.refs.get("measures", [])
    rows: list[Any] = [
        {"kind": kind, "units": units, "affected": count} for kind, units, count in counted
    ]
    if (run_id := outcome.refs.get("run")) is not None:
        run = await load(context, "PlaybookRun", UUID(run_id))
        rows = await context.loaders.measures_of_run.load(UUID(run_id)) or []
    return PlaybookPayload(
        run=run,
        measures=[Measure.from_row(row, context) for row in rows],
        replayed=outcome.replayed,
        user_errors=user_errors(outcome),
    )
