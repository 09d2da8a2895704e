"""Reason codes that commands name."""

from __future__ import annotations

from collections.abc import Sequence

import models.queries.catalog.lookups as lookups
from domain.errors import Invalid, NotFound
from models.queries.catalog.lookups import ReasonFacts
from workflows.transactions.transaction import Transaction


async def active_reason(
    tx: Transaction,
    code: str,
    *kinds: str,
    field: Sequence[str] = ("reasonCode",),
) -> ReasonFacts:
    """The reason code of the first of these kinds that has it. Raises NotFound or Invalid."""
    for kind in kinds:
        if (found := await lookups.reason(tx.session, kind, code)) is not None:
            return check_active(found, code, field)
    return check_active(None, code, field)


def check_active(found: ReasonFacts | None, code: str, field: Sequence[str]) -> ReasonFacts:
    """Return a reason code that was looked up. Raises NotFound, or Invalid if it is inactive."""
    if found is None:
        raise NotFound("reason code", code, field=tuple(field))
    if not found.active:
        raise Invalid("The reason code is not active.", field=tuple(field))
    return found
