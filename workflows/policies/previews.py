"""Preview of a policy on the last cases of its kind, before it is published."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import workflows.policies.preview_cases as preview_cases
import workflows.policies.refund_previews as refund_previews
import workflows.policies.return_previews as return_previews
from domain.access.callers import Caller
from domain.access.permissions import NODE_TYPES
from domain.errors import BadRequest
from domain.policies.policies import PolicyKind
from models.database.sessions import Session
from models.queries.listing.scopes import Scope
from workflows.policies.preview_cases import Preview, Trial
from workflows.policies.publishing import PublishPolicy

CASES_MAX = 250

# The type of the cases of each kind; a caller needs the permission to read it.
CASES: Final[Mapping[PolicyKind, str]] = MappingProxyType(
    {
        PolicyKind.RETURN: "Return",
        PolicyKind.DISPOSITION: "ReturnItem",
        PolicyKind.REFUND: "Refund",
    }
)
PREVIEWS: Final[Mapping[PolicyKind, Callable[[Session, Trial, int], Awaitable[Preview]]]] = (
    MappingProxyType(
        {
            PolicyKind.RETURN: return_previews.preview_returns,
            PolicyKind.DISPOSITION: return_previews.preview_dispositions,
            PolicyKind.REFUND: refund_previews.preview_refunds,
        }
    )
)


def admit(caller: Caller, kind: PolicyKind) -> None:
    """Raise Forbidden unless the caller's role may read the cases of this kind of policy."""
    if kind in CASES:
        caller.require(NODE_TYPES[CASES[kind]])


async def preview(
    session: Session, scope: Scope, command: PublishPolicy, last: int, now: datetime
) -> Preview:
    """Decide again, by this policy, the last cases that the caller may see.

    Raises the faults of the policy. Raises BadRequest for a kind without past cases, or for a
    number of cases outside 1 to CASES_MAX.
    """
    evaluate = PREVIEWS.get(command.kind)
    if evaluate is None:
        raise BadRequest(
            f"Only {', '.join(PREVIEWS)} policies have a preview; {command.kind} was requested."
        )
    if not 1 <= last <= CASES_MAX:
        raise BadRequest(f"A preview covers 1 to {CASES_MAX} cases; {last} were requested.")
    return await evaluate(session, await preview_cases.trial(session, command, scope, now), last)
