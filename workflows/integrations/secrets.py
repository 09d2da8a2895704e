"""Secrets of integrations: minted with an integration, and rotated with an overlap."""

from __future__ import annotations

from datetime import timedelta

import workflows.integrations.records as records
from domain.access.callers import Caller
from domain.errors import Invalid
from domain.events.integrations.systems import IntegrationSecretRotated
from domain.integrations.commands import RotateSecret
from domain.integrations.secrets import hint_of, secret_of
from domain.integrations.states import IntegrationKind
from domain.integrations.validation import UPSERTED, check_overlap
from domain.problems import Problems
from models.integrations import Integration, IntegrationSecret
from workflows.transactions.actions import one_by_one
from workflows.transactions.outcomes import Outcome
from workflows.transactions.transaction import Transaction


async def mint(tx: Transaction, integration: Integration, generation: int) -> str | None:
    """Store a generation of a locked integration, and return its secret.

    Returns None, and stores nothing, if the operator has set no key to derive it from.
    """
    secrets_key = tx.terms.secrets_key
    if secrets_key is None:
        return None
    secret = secret_of(secrets_key, integration.id, generation)
    await IntegrationSecret.create(
        using_db=tx.session.client,
        id=tx.new_id(),
        integration_id=integration.id,
        generation=generation,
        hint=hint_of(secret),
        created_at=tx.now,
    )
    return secret


@one_by_one("integrationSecretRotate")
async def rotate(tx: Transaction, command: RotateSecret, caller: Caller) -> Outcome:
    """Give an integration a new secret, which is returned once, as the outcome's `secret`.

    The present secret expires after the overlap; one that was expiring already ends now. Locks the
    integration. Raises LimitExceeded, NotFound, or Invalid if integrations of this kind have no
    secret or no key is set to derive it from. Records `integration.secret_rotated`.
    """
    problems = Problems()
    with problems.under():
        check_overlap(command.overlap_seconds)
    with problems.under():
        integration = await records.lock(tx, command.code, caller)
        if integration.kind not in UPSERTED:
            raise Invalid(
                f"An integration of kind {integration.kind} has no secret of its own;"
                " RESTOW_WEBHOOK_SECRETS has those for its messages.",
                field=("code",),
            )
        if tx.terms.secrets_key is None:
            raise Invalid("There are no secrets, because RESTOW_SECRETS_KEY is not set.")
    problems.refuse()
    newest = await _end_present(tx, integration, command.overlap_seconds)
    secret = await mint(tx, integration, newest + 1)
    await records.change(tx, integration, {})
    event = IntegrationSecretRotated(
        code=integration.code,
        kind=IntegrationKind(integration.kind),
        generation=newest + 1,
    )
    records.record(tx, integration, event, caller.actor)
    before = {"generation": newest}
    after = {"generation": newest + 1, "overlap_seconds": command.overlap_seconds}
    records.audit(tx, integration, caller, "integrationSecretRotate", before, after)
    return Outcome(refs={"integration": integration.id}, secret=secret)


async def _end_present(tx: Transaction, integration: Integration, overlap_seconds: int) -> int:
    """End the secrets that are in use; returns the number of the newest generation, or 0."""
    client = tx.session.client
    of_integration = IntegrationSecret.filter(integration_id=integration.id).using_db(client)
    known = await of_integration.order_by("-generation")
    for each in known:
        if each.expires_at is None:
            each.expires_at = tx.now + timedelta(seconds=overlap_seconds)
        elif each.expires_at > tx.now:
            each.expires_at = tx.now
        else:
            continue
        await each.save(using_db=client, update_fields=["expires_at"])
    return known[0].generation if known else 0
