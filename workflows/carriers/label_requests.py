"""Requests of people for shipping labels: buy one, give one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import models.queries.orders.labels as label_queries
import workflows.carriers.label_choices as label_choices
import workflows.carriers.label_subjects as label_subjects
import workflows.carriers.labels as labels
from domain.access.callers import Caller
from domain.errors import (
    AlreadyExists,
    IllegalTransition,
    Invalid,
    NotFound,
    PolicyViolation,
)
from domain.orders.labels import SERVICE_LENGTH_MAX, LabelStatus
from domain.policies.policies import PolicyKind
from domain.problems import Problems
from domain.values.codes import check_stored
from domain.values.texts import NOTE_MAX, check_text
from workflows.carriers.commands import BuyLabel, VoidLabel
from workflows.carriers.label_subjects import LabelSubject
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


@one_by_one("labelBuy")
async def buy(tx: Transaction, command: BuyLabel, caller: Caller) -> Mapping[str, Any]:
    """Ask for the label of a parcel; a job buys it within a second.

    Without a carrier or a service the FULFILLMENT policy chooses it. Locks the order, or the
    transfer. Raises IllegalTransition unless the parcel may have a label (FulfillmentOnHold if it
    is held), AlreadyExists if it has a live one, PolicyViolation while a playbook forbids it,
    Invalid, or NotFound. Records `label.requested`.
    """
    problems, field, carrier = Problems(), ("input", "subjectId"), None
    with problems.under("input"):
        check_stored(command.service, "service", longest=SERVICE_LENGTH_MAX)
    with problems.under():
        if command.carrier is not None:
            carrier = _configured(tx, command.carrier)
    with problems.under():
        subject = await label_subjects.lock(tx, *command.subject, caller, field)
    problems.refuse()
    await label_subjects.check_wants_label(tx, subject, caller, field)
    live = await labels.live_of(tx, subject)
    if live is not None:
        message = (
            f"The parcel {subject.reference} has a label already; its status is {live.status}."
        )
        raise AlreadyExists("label", subject.reference, str(live.id), message, field=field)
    choice = await label_choices.choose(tx, subject, carrier, command.service)
    stopping = await label_choices.stopping_run(tx, subject, choice.carrier)
    if stopping is not None:
        raise PolicyViolation(
            f"The playbook {stopping['playbook']} was started: no label of {choice.carrier} is"
            " bought until it ends. Label the parcel by hand.",
            field=field,
            details={
                "policy": str(PolicyKind.CONTINUITY),
                "version": stopping["policy_version"],
                "carrier": choice.carrier,
            },
        )
    label_id = await labels.add(tx, subject, *choice, command.format, caller.actor)
    return {"label": str(label_id)}


@one_by_one("labelVoid")
async def void(tx: Transaction, command: VoidLabel, caller: Caller) -> Mapping[str, Any]:
    """Ask the carrier to take a label back; a job does it.

    Locks the order, or the transfer. Raises IllegalTransition unless the label is BOUGHT or
    UNKNOWN, and for a parcel that has shipped with it; Invalid or NotFound. Records
    `label.voiding`.
    """
    problems = Problems()
    with problems.under():
        check_text(command.note, "note", longest=NOTE_MAX)
    with problems.under():
        subject = await _lock_subject(tx, command.label_id, caller)
    problems.refuse()
    label = await labels.read(tx, command.label_id, subject)
    if label.status is LabelStatus.BOUGHT and subject.shipped_as is not None:
        raise IllegalTransition("label of a shipped parcel", "BOUGHT", "VOIDING", field=("id",))
    try:
        await labels.advance(tx, label, LabelStatus.VOIDING, caller.actor, note=command.note)
    except IllegalTransition as error:
        raise error.under("id") from None
    return {"label": str(label.id)}


async def _lock_subject(tx: Transaction, label_id: UUID, caller: Caller) -> LabelSubject:
    """Lock the parcel of a label. Raises NotFound outside the caller's scope."""
    row = await label_queries.label(tx.session, label_id)
    if row is not None:
        kind, key = label_subjects.named(row)
        try:
            return await label_subjects.lock(tx, kind, key, caller, ("id",))
        except NotFound:
            pass  # the caller asks for the label, not for its parcel
    raise NotFound("label", str(label_id), field=("id",))


def _configured(tx: Transaction, code: str) -> str:
    """The code of a carrier as the settings spell it. Raises Invalid."""
    check_stored(code, "input", "carrier")
    found, carriers = label_choices.configured_code(tx, code), tx.terms.carriers
    if found is None:
        raise Invalid(
            f"The carrier {code!r} is not configured; allowed: {', '.join(carriers)}.",
            field=("input", "carrier"),
            details={"allowed": list(carriers)},
        )
    return found
