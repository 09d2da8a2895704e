"""Version 17 fills the keys of existing codes, or names the codes that have become the same."""

import re

import pytest

from domain.values.codes import comparison_key
from models.migrations import runner
from models.migrations.runner import VERSIONS, MigrationError, migrate
from models.queries.proofs.code_keys import columns
from tests import live_schema, raw

NAMES = [version.name for version in VERSIONS]
OLDER = NAMES[: next(at for at, name in enumerate(NAMES) if name.endswith("_code_keys"))]
ITEM = "INSERT INTO item (id, sku, name, returnable, created_at, updated_at) VALUES"
ACME = "INSERT INTO supplier (id, code, name) VALUES (1000, 'acme', 'Acme')"
NOON = "'2026-03-02 12:00:00.000000+00:00'"


@pytest.fixture
async def url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a database of the version before, with rows in every table."""
    await raw.empty(database_url)
    with monkeypatch.context() as patched:
        patched.setattr(runner, "VERSIONS", VERSIONS[: len(OLDER)])
        await migrate(database_url)
    await raw.execute(database_url, *raw.released_rows(OLDER))
    return database_url


def _item(*skus: str) -> str:
    rows = [f"({n}, {sku!r}, {sku!r}, TRUE, {NOON}, {NOON})" for n, sku in enumerate(skus, 1_000)]
    return f"{ITEM} {', '.join(rows)}"


async def test_every_code_has_its_key(url: str) -> None:
    await raw.execute(url, _item("Straße ＡＢ", *(f"Page {number}" for number in range(6_000))))
    await migrate(url)
    filled = 0
    for table, code, key in columns():
        for typed, found in await raw.rows(url, f"SELECT {code}, {key} FROM {table}"):
            assert found == (None if typed is None else comparison_key(str(typed)))
            filled += found is not None
    assert filled > 6_000
    [(filled_key,)] = await raw.rows(url, "SELECT sku_key FROM item WHERE sku = 'Straße ＡＢ'")
    assert filled_key == "strasse ab"


@pytest.mark.parametrize(
    ("statements", "names"),
    [
        ((_item("tee-m"),), ["item.sku 'TEE-M' and 'tee-m'"]),
        (
            (_item("Ａ1", "a1"), ACME),
            ["item.sku 'a1' and 'Ａ1'", "supplier.code 'ACME' and 'acme'"],
        ),
        (
            (
                "INSERT INTO location (id, code, name, kind, time_zone, pack_required, active)"
                " VALUES (1000, 'leeds', 'Leeds', 'STORE', 'UTC', FALSE, TRUE)",
                "INSERT INTO channel (id, code, name, kind, currency, priority, safety_buffer,"
                " active) VALUES (1000, 'WEB', 'Web', 'STOREFRONT', 'GBP', 1, 0, TRUE)",
                "INSERT INTO reason_code (id, code, kind, label, active)"
                " VALUES (1000, 'count', 'ADJUSTMENT', 'Count', TRUE)",
            ),
            [
                "location.code 'LEEDS' and 'leeds'",
                "channel.code 'WEB' and 'web'",
                "reason_code.code 'COUNT' and 'count'",
            ],
        ),
    ],
)
async def test_codes_that_became_the_same_are_named_and_nothing_changes(
    url: str, statements: tuple[str, ...], names: list[str]
) -> None:
    await raw.execute(url, *statements)
    before = await live_schema.read(url)
    with pytest.raises(MigrationError) as refusal:
        await migrate(url)
    message = str(refusal.value)
    assert message.endswith("Rename one of each with SQL, then start again")
    for name in names:
        # The engines may sort the two codes differently.
        one, other = re.findall(r"'([^']+)'", name)
        column = name.split()[0]
        assert f"{column} {one!r} and {other!r}" in message or (
            f"{column} {other!r} and {one!r}" in message
        )
    assert await live_schema.read(url) == before
    assert len(await raw.rows(url, "SELECT name FROM schema_version")) == len(OLDER)


async def test_a_code_may_stand_for_two_kinds_of_reasons(url: str) -> None:
    await raw.execute(
        url,
        "INSERT INTO reason_code (id, code, kind, label, active)"
        " VALUES (1000, 'count', 'WRITE_OFF', 'Count', TRUE)",
    )
    await migrate(url)


async def test_an_event_recorded_twice_keeps_both_rows_and_one_key(url: str) -> None:
    columns_ = (
        "event_reference, tracking_number, status, occurred_at, recorded_at, actor,"
        " fulfillment_id, return_id"
    )
    await raw.execute(
        url,
        f"INSERT INTO carrier_event (id, carrier, {columns_})"
        f" SELECT 'ffffffff-0000-7000-8000-000000000001', lower(carrier), {columns_}"
        " FROM carrier_event LIMIT 1",
    )
    events = await raw.rows(url, "SELECT id, carrier, event_reference FROM carrier_event")
    await migrate(url)
    after = await raw.rows(url, "SELECT id, carrier, event_reference FROM carrier_event")
    assert sorted(map(repr, after)) == sorted(map(repr, events))
    repeated = await raw.rows(
        url, "SELECT carrier, carrier_key FROM carrier_event WHERE tracking_number_key IS NULL"
    )
    assert len(repeated) == 1
    [(carrier, key)] = repeated
    assert carrier == key
