"""Start and end of playbooks: what is refused, what is counted, what is recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.access.callers import Role, holder
from domain.errors import Forbidden
from models.database.database import Database
from tests.builders.store import ADMIN
from tests.builders.transactions import codes, counts, events
from tests.workflows.continuity.playbooks import SID, SUE, Playbooks, open_playbooks
from workflows.ledger.reconciliation import reconcile

CHANGED = ("playbook_run", "playbook_measure", "playbook_place", "event", "audit_entry")
RECALL: dict[str, Any] = {"STOP_SALE": True, "QUARANTINE": True, "endBy": "OTHER"}


@pytest.fixture
async def playbooks(database: Database) -> Playbooks:
    return await open_playbooks(database)


@pytest.mark.parametrize(
    ("facts", "refusals"),
    [
        ({"playbook": "EARTHQUAKE"}, [("INVALID", ("input", "playbook"))]),
        ({"playbook": "RECALL"}, [("INVALID", ("input", "skus"))]),
        (
            {"playbook": "RECALL", "skus": ("TEE-M", "NONE"), "carriers": ("simulator",)},
            [("NOT_FOUND", ("input", "skus", "1")), ("INVALID", ("input", "carriers"))],
        ),
        (
            {"playbook": "LOCATION_CLOSURE", "locations": ("MARS",), "channels": ("moon",)},
            [
                ("NOT_FOUND", ("input", "channels", "0")),
                ("NOT_FOUND", ("input", "locations", "0")),
            ],
        ),
        ({"playbook": "RETURN_SPIKE", "units": 3}, [("INVALID", ("input", "units"))]),
        ({"playbook": "LOCATION_CAPACITY", "units": -1}, [("INVALID", ("input", "units"))]),
        ({"playbook": "LOCATION_CLOSURE", "locations": ()}, [("INVALID", ("input", "locations"))]),
        (
            {"playbook": "CARRIER_DISRUPTION", "carriers": ("ufo",)},
            [("INVALID", ("input", "carriers", "0"))],
        ),
        (
            {"playbook": "RECALL", "skus": ("TEE-M",) * 1_001},
            [("LIMIT_EXCEEDED", ("input", "skus"))],
        ),
    ],
)
async def test_a_bad_start_is_refused_with_all_faults_and_changes_nothing(
    playbooks: Playbooks, facts: dict[str, Any], refusals: list[Any]
) -> None:
    before = await counts(playbooks.database, *CHANGED)
    outcome = await playbooks.start(**facts)
    assert codes(outcome) == refusals
    assert await counts(playbooks.database, *CHANGED) == before


async def test_the_end_by_the_clock_lies_ahead(playbooks: Playbooks) -> None:
    now = playbooks.shop.clock.now
    for ends_at in (now, now + timedelta(days=400)):
        outcome = await playbooks.start("RETURN_SPIKE", ends_at=ends_at)
        assert codes(outcome) == [("INVALID", ("input", "endsAt"))]


async def test_keep_shown_needs_a_feed(playbooks: Playbooks) -> None:
    await playbooks.publish(KEEP_SHOWN=5)
    assert codes(await playbooks.start()) == [("INVALID", ("input", "playbook"))]


async def test_a_dry_run_counts_and_changes_nothing(playbooks: Playbooks) -> None:
    order = await playbooks.shop.place(("TEE-M", 2), ("TEE-M", 1))
    assert not order.refusals
    before = await counts(playbooks.database, *CHANGED)
    outcome = await playbooks.start("RECALL", skus=("TEE-M",), is_dry_run=True)
    assert outcome.refs == {
        "measures": [
            ["STOP_SALE", None, 1],
            ["QUARANTINE", None, 12],
            ["HOLD_PARCELS", None, 1],
            ["HOLD_REFUNDS", None, 0],
        ]
    }
    assert await counts(playbooks.database, *CHANGED) == before
    at_york = await playbooks.start("RECALL", skus=("TEE-M",), locations=("YORK",), is_dry_run=True)
    assert ["QUARANTINE", None, 5] in at_york.refs["measures"]


async def test_the_policy_of_the_one_location_or_channel_decides(playbooks: Playbooks) -> None:
    await playbooks.publish("location:LEEDS", CAP_LOCATION=7)
    run = await playbooks.started(locations=("leeds",))
    row = await playbooks.run(run)
    assert (row["policy_scope"], row["policy_version"]) == ("location:LEEDS", 1)
    both = await playbooks.start(locations=("LEEDS", "YORK"))
    assert codes(both) == [("INVALID", ("input", "playbook"))]


async def test_it_is_recorded_and_audited(playbooks: Playbooks) -> None:
    await playbooks.publish(**RECALL)
    run = await playbooks.started(skus=("tee-m",), locations=("LEEDS",))
    await playbooks.ended(run)
    started, ended = await events(playbooks.database, "playbook.")
    assert started["data"] == {
        "playbook": "TEST",
        "status": "STARTING",
        "measures": ["STOP_SALE", "QUARANTINE"],
        "channels": None,
        "locations": ["LEEDS"],
        "skus": 1,
        "carriers": None,
        "endsAt": None,
    }
    assert (ended["type"], ended["data"]["status"]) == ("playbook.ended", "ENDING")
    assert (started["subject_version"], ended["subject_version"]) == (1, 2)


async def test_the_one_that_started_it_may_not_end_it_if_the_playbook_says_so(
    playbooks: Playbooks,
) -> None:
    await playbooks.publish(**RECALL)
    run = await playbooks.started(skus=("TEE-M",))
    before = await counts(playbooks.database, *CHANGED)
    assert codes(await playbooks.end(run, by=SUE)) == [("SELF_APPROVAL", ("id",))]
    assert (await playbooks.run(run))["status"] == "ACTIVE"
    assert await counts(playbooks.database, *CHANGED) == before
    assert not (await playbooks.end(run, by=SID)).refusals
    assert codes(await playbooks.end(run, by=SID)) == [("ILLEGAL_TRANSITION", ("id",))]


async def test_without_that_rule_the_same_actor_may_end_it(playbooks: Playbooks) -> None:
    run = await playbooks.started("LOCATION_CAPACITY", locations=("LEEDS",))
    assert not (await playbooks.end(run, by=SUE)).refusals
    assert (await playbooks.run(run))["status"] == "ENDED"


async def test_an_end_needs_a_note_and_a_run(playbooks: Playbooks) -> None:
    run = await playbooks.started("LOCATION_CAPACITY", locations=("LEEDS",))
    assert codes(await playbooks.end(run, note=" ")) == [("INVALID", ("note",))]
    unknown = type(run)(refs={"run": "00000000-0000-4000-8000-000000000000"})
    assert codes(await playbooks.end(unknown)) == [("NOT_FOUND", ("id",))]
    assert (await playbooks.run(run))["status"] == "ACTIVE"


async def test_the_clock_ends_it(playbooks: Playbooks) -> None:
    await playbooks.publish(**RECALL)
    ends_at = playbooks.shop.clock.now + timedelta(hours=1)
    run = await playbooks.started(skus=("TEE-M",), ends_at=ends_at)
    assert await playbooks.shop.atp() == 0
    playbooks.shop.clock.forward(hours=1)
    await playbooks.move()
    row = await playbooks.run(run)
    assert (row["status"], row["ended_by"]) == ("ENDED", "system")
    assert await playbooks.shop.atp() == 15
    assert await reconcile(playbooks.database) == []


async def test_a_key_with_a_limit_starts_and_ends_for_its_own_places_only(
    playbooks: Playbooks,
) -> None:
    leeds = holder(Role.SUPERVISOR, actor="lea", locations=frozenset({"LEEDS"}))
    with pytest.raises(Forbidden):
        await playbooks.start("LOCATION_CAPACITY", by=leeds)
    foreign = await playbooks.start("LOCATION_CAPACITY", by=leeds, locations=("YORK",))
    assert codes(foreign) == [("NOT_FOUND", ("input", "locations", "0"))]
    own = await playbooks.start("LOCATION_CAPACITY", by=leeds, locations=("LEEDS",))
    assert not own.refusals
    both = await playbooks.start("LOCATION_CAPACITY", by=ADMIN, locations=("LEEDS", "YORK"))
    with pytest.raises(Forbidden):
        await playbooks.end(both, by=leeds)
    assert not (await playbooks.end(own, by=leeds)).refusals


@pytest.mark.parametrize(
    ("playbook", "limits", "facts"),
    [
        ("RECALL", {"channels": frozenset({"web"})}, {"channels": ("web",), "skus": ("TEE-M",)}),
        (
            "RECALL",
            {"locations": frozenset({"LEEDS"})},
            {"locations": ("LEEDS",), "skus": ("TEE-M",)},
        ),
        ("BOTH", {"channels": frozenset({"web"})}, {"channels": ("web",)}),
    ],
)
async def test_a_key_with_a_limit_takes_no_measure_that_reaches_beyond_it(
    playbooks: Playbooks, playbook: str, limits: dict[str, Any], facts: dict[str, Any]
) -> None:
    """QUARANTINE and CAP_LOCATION know no channels, HOLD_REFUNDS knows no locations."""
    await playbooks.publish_all(
        {
            "RECALL": {"STOP_SALE": True, "QUARANTINE": True, "HOLD_REFUNDS": True},
            "BOTH": {"CAP_LOCATION": 1, "DELAY_PROMISES": 1},
        }
    )
    limited = holder(Role.SUPERVISOR, actor="lea", **limits)
    before = await counts(playbooks.database, *CHANGED)
    for is_dry_run in (True, False):
        with pytest.raises(Forbidden):
            await playbooks.start(playbook, by=limited, is_dry_run=is_dry_run, **facts)
    assert await counts(playbooks.database, *CHANGED) == before
    run = await playbooks.start(playbook, by=ADMIN, **facts)
    with pytest.raises(Forbidden):
        await playbooks.end(run, by=limited)
    assert (await playbooks.run(run))["ended_by"] is None


async def test_a_repeated_start_is_one_run(playbooks: Playbooks) -> None:
    key = "a-key-that-is-long-enough"
    first = await playbooks.start("LOCATION_CAPACITY", locations=("LEEDS",), key=key)
    again = await playbooks.start("LOCATION_CAPACITY", locations=("LEEDS",), key=key)
    assert again.replayed
    assert again.refs == first.refs
    assert (await counts(playbooks.database, "playbook_run"))["playbook_run"] == 1
