"""Pausing and resuming of integrations by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import workflows.integrations.records as records
import workflows.integrations.webhook_keys as webhook_keys
from domain.access.callers import Caller
from domain.errors import Forbidden, Invalid
from domain.integrations.commands import PauseIntegration, ResumeIntegration
from domain.integrations.states import IntegrationKind, IntegrationStatus
from domain.problems import Problems
from domain.values.texts import NOTE_MAX, check_name
from models.integrations import Integration
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


def _check_reach(integration: Integration, caller: Caller) -> None:
    """Raise Forbidden for a system of all channels, unless the caller has no limit."""
    is_shared = integration.kind in (IntegrationKind.PAYMENTS, IntegrationKind.CARRIER)
    if is_shared and (caller.channels is not None or caller.locations is not None):
        raise Forbidden(
            f"{integration.code} serves all channels and locations; the key of {caller.actor} is"
            " limited to some."
        )


@one_by_one("integrationPause")
async def pause(tx: Transaction, command: PauseIntegration, caller: Caller) -> Mapping[str, Any]:
    """Stop all calls of an integration. What is to be sent waits until it is resumed.

    Locks the integration. Raises Invalid, NotFound, or IllegalTransition if it is PAUSED or OFF.
    Records `integration.paused`.
    """
    problems = Problems()
    with problems.under():
        check_name(command.note, "note", longest=NOTE_MAX)
    with problems.under():
        integration = await records.lock(tx, command.code, caller)
        _check_reach(integration, caller)
        records.check_step(integration, IntegrationStatus.PAUSED, "code")
    problems.refuse()
    before = {"status": integration.status}
    await records.set_status(
        tx, integration, IntegrationStatus.PAUSED, [command.note], caller.actor
    )
    after = {"status": integration.status, "note": command.note}
    records.audit(tx, integration, caller, "integrationPause", before, after)
    return {"integration": integration.id}


@one_by_one("integrationResume")
async def resume(tx: Transaction, command: ResumeIntegration, caller: Caller) -> Mapping[str, Any]:
    """Allow the calls of a paused integration again; it is RECOVERING first.

    Locks the integration. Raises NotFound, IllegalTransition if it is not PAUSED, or Invalid if the
    API key of the webhook is over. Records `integration.recovering`.
    """
    integration = await records.lock(tx, command.code, caller)
    _check_reach(integration, caller)
    records.check_step(integration, IntegrationStatus.RECOVERING, "code")
    is_webhook = integration.kind == IntegrationKind.WEBHOOK
    if is_webhook and await webhook_keys.holder_of(tx, integration) is None:
        raise Invalid(
            "The API key of the webhook has expired or is revoked."
            " Name another one with integrationUpsert first.",
            field=("code",),
        )
    before = {"status": integration.status}
    await records.set_status(tx, integration, IntegrationStatus.RECOVERING, [], caller.actor)
    after = {"status": integration.status}
    records.audit(tx, integration, caller, "integrationResume", before, after)
    return {"integration": integration.id}
