"""Migrations are applied once, completely and in order, and keep the rows of released versions.

RESTOW_LONG=1 tries every released version on PostgreSQL too; SQLite always tries them all.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.policies.defaults import default_rules
from domain.policies.policies import PolicyKind
from models.migrations import m0002_defaults, runner
from models.migrations.dialect import Engine
from models.migrations.runner import VERSIONS, MigrationError, Version, migrate, missing
from tests import live_schema, raw
from tests.builders.tampering import tamper

LONG = os.environ.get("RESTOW_LONG") == "1"
NAMES = [version.name for version in VERSIONS]
# Versions that an installation may have data in. Versions before the first release were merged.
RELEASED = NAMES[1:]
# On PostgreSQL a version takes seconds: by default the newest ones and every fourth before them.
NEWEST = RELEASED[-6:]
SAMPLE = [*RELEASED[:-6:4], *NEWEST]
CASES = [
    *(("sqlite", version) for version in RELEASED),
    *(("postgres", version) for version in (RELEASED if LONG else SAMPLE)),
]
# Default rules of the kinds of policies that later versions add, and the number of their rows.
LATER_RULES = {"FULFILLMENT": {"holds": [], "carriers": [], "labelOnPack": False}}
# The numbers of reasons and policies that later versions install.
LATER_REASONS = {"0041_unannounced_reason": 1}
LATER_POLICIES = {
    "0030_fulfillment_holds": 1,
    "0036_counts": 1,
    "0047_playbooks": 1,
    "0048_rollout": 1,
}


def _later_rules(currency: str) -> dict[str, object]:
    later = (PolicyKind.COUNT, PolicyKind.CONTINUITY, PolicyKind.ROLLOUT)
    return {**LATER_RULES, **{kind.value: default_rules(currency)[kind] for kind in later}}


@pytest.fixture
async def url(database_url: str) -> str:
    """URL of a database without any table."""
    await raw.empty(database_url)
    return database_url


async def test_all_versions_are_applied_once(url: str) -> None:
    assert await missing(url) == NAMES
    assert await migrate(url) == NAMES
    before = await raw.rows(url, "SELECT * FROM schema_version")
    assert await migrate(url) == []
    assert await missing(url) == []
    assert await raw.rows(url, "SELECT * FROM schema_version") == before
    assert [row[0] for row in before] == NAMES


@pytest.mark.parametrize("currency", ["GBP", "USD", "JPY", "KWD"])
async def test_a_new_database_has_policies_in_its_base_currency(url: str, currency: str) -> None:
    """The digest of the version is the same: the currency may change until stock is received."""
    await migrate(url, currency)
    found = await raw.rows(url, "SELECT kind, version, published_by, rules FROM policy")
    rules = {str(row[0]): json.loads(str(row[3])) for row in found}
    assert rules == {**m0002_defaults.rules_in(currency), **_later_rules(currency)}
    assert {row[1:3] for row in found} == {(1, "system")}
    assert await migrate(url, "GBP") == await missing(url) == []


async def test_two_that_migrate_at_once_do_it_once(url: str) -> None:
    done = await asyncio.gather(migrate(url), migrate(url))
    assert sorted(map(len, done)) == [0, len(NAMES)]


async def test_a_version_that_was_changed_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(url)

    def changed(engine: Engine) -> Iterator[str]:
        yield from VERSIONS[0].statements(engine)
        yield "CREATE TABLE extra (id bigint)"

    monkeypatch.setattr(runner, "VERSIONS", (Version(NAMES[0], changed), *VERSIONS[1:]))
    for check in (migrate, missing):
        with pytest.raises(MigrationError, match=f"{NAMES[0]} was changed after it was applied"):
            await check(url)


async def test_a_newer_database_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate(url)
    monkeypatch.setattr(runner, "VERSIONS", VERSIONS[:-1])
    for check in (migrate, missing):
        with pytest.raises(
            MigrationError, match=f"{NAMES[-1]}, which this older program does not know"
        ):
            await check(url)


async def test_a_version_that_fails_changes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(url)
    before = await live_schema.read(url)

    def failing(engine: Engine) -> Iterator[str]:
        yield "CREATE TABLE extra (id bigint)"
        yield "INSERT INTO supplier (code, name) VALUES ('ACME', 'Acme')"
        yield "INSERT INTO nowhere VALUES (1)"

    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", (*VERSIONS, Version("9999_bad", failing)))
        with pytest.raises(Exception, match="nowhere"):
            await migrate(url)
    assert await live_schema.read(url) == before
    assert await raw.rows(url, "SELECT * FROM supplier") == []
    assert await migrate(url) == []


async def test_a_version_that_orphans_rows_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(url)
    await raw.execute(url, *raw.released_rows(NAMES))
    before = await raw.rows(url, "SELECT id, code FROM supplier")

    def orphaning(engine: Engine) -> Iterator[str]:
        yield "DELETE FROM supplier"

    monkeypatch.setattr(runner, "VERSIONS", (*VERSIONS, Version("9999_bad", orphaning)))
    with pytest.raises((MigrationError, asyncpg.ForeignKeyViolationError)):
        await migrate(url)
    assert await raw.rows(url, "SELECT id, code FROM supplier") == before


@pytest.mark.parametrize(("engine", "version"), CASES, indirect=["engine"])
async def test_every_released_version_goes_up_with_all_its_rows(
    url: str, fresh_database: Any, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    old_versions = VERSIONS[: NAMES.index(version) + 1]
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", old_versions)
        assert await migrate(url) == NAMES[: len(old_versions)]
    await raw.execute(url, *raw.released_rows(NAMES[: len(old_versions)]))
    old = await live_schema.read(url)
    before = await raw.contents(url, old.columns)
    # A new table needs rows in tests/released/<version>.sql.
    assert [table for table, found in before.items() if not found] == []
    assert await migrate(url) == NAMES[len(old_versions) :]
    new = await live_schema.read(url)
    newer = NAMES[len(old_versions) :]
    # A version that removes a column must state here where its values went.
    kept = {(raw.renamed(t, newer), raw.renamed(c, newer)): (t, c) for t, c in old.columns}
    assert set(kept) <= set(new.columns)
    after = await raw.contents(url, kept)
    installed: list[tuple[object, ...]] = []
    for table, later in (("policy", LATER_POLICIES), ("reason_code", LATER_REASONS)):
        new_rows = [row for row in after.get(table, []) if row not in before.get(table, [])]
        assert len(new_rows) == sum(later.get(name, 0) for name in newer if table in before)
        installed += new_rows
    after = {t: [row for row in found if row not in installed] for t, found in after.items()}
    assert after == {
        raw.renamed(table, newer): _renamed_rows(table, found, old.columns, newer)
        for table, found in before.items()
    }
    # The result equals a new database: columns, keys, indexes, checks and triggers.
    assert new == await live_schema.read(fresh_database())


def _renamed_rows(
    table: str,
    rows: list[tuple[object, ...]],
    columns: Iterable[tuple[str, str]],
    newer: Sequence[str],
) -> list[tuple[object, ...]]:
    """Expected rows of `raw.contents` after these versions, with its order of columns."""
    names = sorted(column for each, column in columns if each == table)
    order = sorted(range(len(names)), key=lambda place: raw.renamed(names[place], newer))

    def value(found: object) -> object:
        return raw.renamed(found, newer) if isinstance(found, str) else found

    return sorted((tuple(value(row[place]) for place in order) for row in rows), key=repr)


async def test_only_policies_published_ahead_are_recorded(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 9 records policies with a future start.

    Policies already in force are not recorded.
    """
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: NAMES.index("0009_policy_starts")])
        await migrate(url)
    published = "2026-01-01 00:00:00.000000+00:00"
    for number, effective_from in ((1, "2026-01-02"), (2, "9998-01-01")):
        await raw.execute(
            url,
            "INSERT INTO policy (id, kind, scope, version, rules, effective_from_at, published_by,"
            f" published_at) VALUES ('ffffffff-0000-7000-8000-00000000000{number}', 'ROUTING',"
            f" 'channel:x', {number}, '{{}}', '{effective_from} 00:00:00.000000+00:00', 'a',"
            f" '{published}')",
        )
    await migrate(url)
    waiting = await raw.rows(url, "SELECT policy_id FROM policy_start")
    assert [str(row[0])[-1] for row in waiting] == ["2"]


async def test_facts_before_their_cause_are_corrected(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 13 dates a parcel's facts at its order, and a return's facts at the shipment."""
    older = NAMES[: NAMES.index("0013_causes")]
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: len(older)])
        await migrate(url)
    early, placed = "2026-03-01 08:00:00.000000+00:00", "2026-03-02 09:00:00.000000+00:00"
    await raw.execute(
        url,
        *raw.released_rows(older),
        f"UPDATE fulfillment SET status = 'LOST', shipped_at = '{early}', lost_at = '{early}',"
        f" delivered_at = '{early}'",
        f"UPDATE customer_return SET requested_at = '{early}', scanned_at = '{early}'",
        f"UPDATE return_item SET received_at = '{early}' WHERE received_at IS NOT NULL",
    )
    await migrate(url)
    for columns, table in (
        ("shipped_at, lost_at, delivered_at", "fulfillment"),
        ("requested_at, scanned_at", "customer_return"),
        ("received_at", "return_item WHERE received_at IS NOT NULL"),
    ):
        found = await raw.rows(url, f"SELECT {columns} FROM {table}")
        assert {str(value)[:19] for row in found for value in row} == {placed[:19]}


async def test_lines_of_live_holds_get_the_end_of_their_hold(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 16 repeats it in the lines of holds that have not ended."""
    older = NAMES[: NAMES.index("0016_held_lines")]
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: len(older)])
        await migrate(url)
    await raw.execute(
        url,
        *raw.released_rows(older),
        "INSERT INTO reservation (id, status, channel_id, actor, created_at, expires_at,"
        " first_ttl_seconds, routing) SELECT '00000000-0000-4000-8000-0000000000b9', 'HELD',"
        " channel_id, actor, created_at, expires_at, first_ttl_seconds, routing FROM reservation"
        " WHERE status = 'COMMITTED'",
        "INSERT INTO reservation_line (id, reservation_id, line_no, item_id, location_id,"
        " quantity) SELECT '00000000-0000-7000-8000-0000000000b9',"
        " '00000000-0000-4000-8000-0000000000b9', 0, item_id, location_id, 1"
        " FROM reservation_line WHERE reservation_id = '00000000-0000-4000-8000-0000000000b1'",
    )
    await migrate(url)
    found = await raw.rows(
        url,
        "SELECT r.status, l.held_until_at FROM reservation_line l"
        " JOIN reservation r ON r.id = l.reservation_id ORDER BY r.id",
    )
    assert [(row[0], str(row[1])[:19]) for row in found] == [
        ("COMMITTED", "None"),
        ("HELD", "2026-03-02 09:15:00"),
    ]


_OF_RETURN = "UPDATE customer_return SET status = '{}', closed_at = NULL"
_OF_ITEMS = "UPDATE return_item SET state = '{}', disposition = {}"
_LEFT: dict[str, tuple[str, ...]] = {
    "a cancelled return": (_OF_RETURN.format("CANCELLED"),),
    "an expired return": (_OF_RETURN.format("EXPIRED"), _OF_ITEMS.format("EXPECTED", "NULL")),
    "missing units": (_OF_ITEMS.format("MISSING", "NULL"),),
    "units sent back": (_OF_ITEMS.format("DISPOSED", "'RETURN_TO_CUSTOMER'"),),
}


@pytest.mark.parametrize(
    ("left", "status"),
    [("a cancelled return", "CANCELLED"), *((left, "PROCESSING") for left in _LEFT)],
)
async def test_money_of_units_that_did_not_stay_is_recovered(
    url: str, monkeypatch: pytest.MonkeyPatch, left: str, status: str
) -> None:
    """Version 18 opens REFUND_RECOVERY once, unless the refund was withdrawn."""
    older = NAMES[: NAMES.index("0018_refund_sums")]
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: len(older)])
        await migrate(url)
    settled = "'2026-03-12 10:00:00.000000+00:00'" if status == "CANCELLED" else "NULL"
    await raw.execute(
        url,
        *raw.released_rows(older),
        f"UPDATE refund SET status = '{status}', settled_at = {settled}",
    )
    await tamper(url, *_LEFT[left])
    # Later versions need the constraints and triggers that tampering has removed.
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: len(older) + 1])
        await migrate(url)
    found = await raw.rows(
        url,
        "SELECT status, severity, owner_role, subject_key FROM operational_exception"
        " WHERE kind = 'REFUND_RECOVERY'",
    )
    subject = "Refund:00000000-0000-7000-8000-000000000301"
    expected = [("OPEN", "HIGH", "FINANCE", subject)] if status == "PROCESSING" else []
    assert [tuple(row) for row in found] == expected
    times = await raw.rows(
        url,
        "SELECT CAST(id AS text), opened_at < due_at FROM operational_exception"
        " WHERE kind = 'REFUND_RECOVERY'",
    )
    assert {(UUID(str(row[0])).version, bool(row[1])) for row in times} <= {(4, True)}


# Moves of a level with an exception opened at 10:00: time, states, units and reference.
_PICKS = (
    ("09:00", "ALLOCATED", "QUARANTINE", 4, "Order:1"),
    ("10:00", "ALLOCATED", "QUARANTINE", 5, "Order:2"),
    ("11:00", "QUARANTINE", "AVAILABLE", 1, None),
    ("11:00", "QUARANTINE", None, 1, None),
    ("11:00", "QUARANTINE", "AVAILABLE", 2, "Return:1"),
    ("12:00", "ALLOCATED", "QUARANTINE", 1, "Order:3"),
)


@pytest.mark.parametrize(
    ("quarantine", "status", "missing_units"),
    [(9, "OPEN", 4), (3, "OPEN", 3), (9, "RESOLVED", 0)],
)
async def test_short_picks_of_an_open_exception_become_missing_units(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    quarantine: int,
    status: str,
    missing_units: int,
) -> None:
    """Version 36 counts 5 + 1 units that pickers did not find, less 2 that left by hand. Version 49
    gives them an opening row.

    4 units are of an earlier exception. Quarantine may have fewer than are counted so.
    """
    older = NAMES[: NAMES.index("0036_counts")]
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: len(older)])
        await migrate(url)
    await raw.execute(url, *raw.released_rows(older))
    before = await raw.rows(url, "SELECT SUM(quantity) FROM unidentified_unit WHERE item_id = 1")
    tracked = int(str(before[0][0] or 0))
    of_returns = "SELECT SUM(quantity) FROM return_item WHERE stock_state = 'QUARANTINE'"
    tracked += int(str((await raw.rows(url, of_returns))[0][0] or 0))
    resolved = "NULL" if status == "OPEN" else "'2026-03-03 10:00:00.000000+00:00'"
    moves = [
        "INSERT INTO stock_movement (id, kind, item_id, location_id, from_state, to_state,"
        " quantity, reference, actor, occurred_at, transaction_id, digest) VALUES"
        f" ('00000000-0000-7000-8000-0000000009{index:02}', 'MOVED', 1, 1, '{source}',"
        f" {'NULL' if target is None else repr(target)}, {units},"
        f" {'NULL' if reference is None else repr(reference)}, 'ann',"
        f" '2026-03-03 {time}:00.000000+00:00', '00000000-0000-7000-8000-0000000000f1', 'm{index}')"
        for index, (time, source, target, units, reference) in enumerate(_PICKS)
    ]
    await raw.execute(
        url,
        f"UPDATE stock_level SET quarantine = {quarantine + tracked} WHERE id = 1",
        "INSERT INTO operational_exception (id, kind, subject_key, status, severity, message,"
        " location_id, owner_role, opened_at, due_at, resolved_at) VALUES"
        f" ('00000000-0000-7000-8000-0000000009f1', 'COUNT_VARIANCE', 'StockLevel:1', '{status}',"
        " 'HIGH', 'Units were not found.', 1, 'SUPERVISOR', '2026-03-03 10:00:00.000000+00:00',"
        f" '2026-03-03 12:00:00.000000+00:00', {resolved})",
        *moves,
    )
    await migrate(url)
    found = await raw.rows(url, "SELECT missing FROM stock_level WHERE id = 1")
    assert [int(str(row[0])) for row in found] == [missing_units]
    opening = await raw.rows(url, "SELECT level_id, movement_id, units FROM missing_change")
    expected = [(1, None, missing_units)] if missing_units else []
    assert [tuple(row) for row in opening] == expected
