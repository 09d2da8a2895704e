"""Channels: currency, priority, and the locations that they sell from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import models.queries.catalog.catalog as catalog_queries
from domain.access.callers import Caller
from domain.catalog.commands import UpsertChannel
from domain.catalog.validation import CHANNEL_DEFAULTS, channel_facts, check_currency_kept
from domain.errors import Invalid, NotFound
from domain.events.catalog import ChannelChanged
from domain.problems import Problems
from domain.stock.states import STOCK_KEEPING
from models.catalog import Channel
from workflows.catalog.master_data import CHANNEL, UpsertedRow, code_of, lock, report, write
from workflows.transactions.actions import one_by_one
from workflows.transactions.transaction import Transaction


@one_by_one("channelUpsert")
async def upsert(tx: Transaction, command: UpsertChannel, caller: Caller) -> Mapping[str, Any]:
    """Create or change a channel. Its locations become those that the command names.

    Locations outside the caller's scope are kept. All faults are reported together: Invalid or
    NotFound, with the field. The currency cannot change after creation. Records `channel.changed`.
    """
    problems = Problems()
    facts = channel_facts(command, problems)
    with problems.under():
        if not caller.sees_channel(command.code):
            raise NotFound("channel", command.code, field=("code",))
    problems.refuse_excess("input")
    current = await lock(tx, CHANNEL, {"code_key": command.code})
    key = {"code": code_of(current, command.code)}
    if current is not None and caller.sees_channel(command.code):
        with problems.under():
            check_currency_kept(current.currency, command.currency_code)
    wanted = await _locations(tx, command, caller, problems)
    problems.refuse("input")
    upserted = await write(tx, CHANNEL, current, key, facts, CHANNEL_DEFAULTS)
    upserted = await _set_locations(tx, upserted, wanted, caller)
    event = ChannelChanged(code=key["code"], **upserted.step)
    report(tx, CHANNEL, key, upserted, caller, event)
    return {"channel": upserted.id}


async def _locations(
    tx: Transaction, command: UpsertChannel, caller: Caller, problems: Problems
) -> dict[str, int]:
    """Ids by code of the locations in the command. Faults are added to `problems`."""
    found = await catalog_queries.locations_named(tx.session, command.location_codes)
    for index, code in enumerate(command.location_codes):
        with problems.under("locationCodes", str(index)):
            if code not in found or not caller.sees_location(code):
                raise NotFound("location", code)
            if found[code]["kind"] not in STOCK_KEEPING:
                raise Invalid(f"A location of kind {found[code]['kind']} cannot hold stock.")
    return {row["code"]: row["id"] for row in found.values()}


async def _set_locations(
    tx: Transaction, upserted: UpsertedRow, wanted: Mapping[str, int], caller: Caller
) -> UpsertedRow:
    """Set the channel's locations; returns `upserted` with them among its changes."""
    current = await catalog_queries.channel_locations(tx.session, upserted.id)
    unseen = {code: each for code, each in current.items() if not caller.sees_location(code)}
    target = {**unseen, **wanted}
    if target.keys() == current.keys() and upserted.before is not None:
        return upserted
    await catalog_queries.set_channel_locations(
        tx.session,
        upserted.id,
        gone=set(current.values()) - set(target.values()),
        come=set(target.values()) - set(current.values()),
    )
    after = {**upserted.after, "locations": sorted(target)}
    if upserted.before is None:
        return replace(upserted, after=after)
    version = upserted.version
    if not upserted.after:
        version += 1
        of_channel = Channel.filter(id=upserted.id).using_db(tx.session.client)
        await of_channel.update(version=version)
    before = {**upserted.before, "locations": sorted(current)}
    return replace(upserted, before=before, after=after, version=version)
