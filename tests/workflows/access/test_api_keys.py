"""API keys: shown once, within the rights of their creator; one ADMIN key always remains."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

import workflows.access.api_keys
import workflows.catalog.channels
import workflows.catalog.locations
from domain.access.api_keys import OVERLAP_MAX, CreateKey, RevokeKey, RotateKey, prefix_of
from domain.access.callers import SYSTEM, Caller, Role, holder
from domain.errors import Unauthenticated
from domain.values.money import Money
from models.database.database import Database
from tests.builders.catalog import a_channel, a_location
from tests.builders.transactions import MORNING, Clock, codes, counts, rows, transactions_on
from workflows.access.authentication import authenticate
from workflows.transactions.outcomes import Outcome, Request
from workflows.transactions.runner import Transactions


async def create(
    transactions: Transactions, caller: Caller = SYSTEM, key: str | None = None, **facts: Any
) -> Outcome:
    command = CreateKey(**{"name": "till", "role": Role.STOREFRONT, **facts})
    return await transactions.perform(
        workflows.access.api_keys.create, Request(command, caller, key)
    )


async def rotate(transactions: Transactions, outcome: Outcome, overlap: int = 0) -> Outcome:
    command = RotateKey(UUID(str(outcome.refs["apiKey"])), overlap)
    return await transactions.perform(workflows.access.api_keys.rotate, Request(command, SYSTEM))


async def revoke(transactions: Transactions, outcome: Outcome, caller: Caller = SYSTEM) -> Outcome:
    command = RevokeKey(UUID(str(outcome.refs["apiKey"])))
    return await transactions.perform(workflows.access.api_keys.revoke, Request(command, caller))


def text_of(outcome: Outcome) -> str:
    assert outcome.secret is not None
    return outcome.secret


async def is_refused(database: Database, bearer: str, clock: Clock) -> bool:
    try:
        await authenticate(database, bearer, clock())
    except Unauthenticated:
        return True
    return False


async def test_a_key_acts_for_its_actor_in_its_role_and_scope(database: Database) -> None:
    transactions = transactions_on(database)
    await transactions.perform(workflows.catalog.channels.upsert, a_channel("web"))
    await transactions.perform(workflows.catalog.locations.upsert, a_location("LEEDS"))
    outcome = await create(
        transactions,
        actor="shop",
        role=Role.SUPERVISOR,
        channels=("web",),
        locations=("LEEDS",),
        refund_limit=Money(5_000, "GBP"),
    )
    caller = await authenticate(database, text_of(outcome), MORNING)
    assert caller == holder(
        Role.SUPERVISOR,
        actor="shop",
        channels=frozenset({"web"}),
        locations=frozenset({"LEEDS"}),
        refund_limit=Money(5_000, "GBP"),
        key_id=UUID(str(outcome.refs["apiKey"])),
    )


async def test_without_an_actor_it_acts_for_its_name_without_limits(database: Database) -> None:
    caller = await authenticate(database, text_of(await create(transactions_on(database))), MORNING)
    assert (caller.actor, caller.channels, caller.locations) == ("till", None, None)


async def test_the_secret_is_shown_once_and_kept_nowhere(database: Database) -> None:
    transactions = transactions_on(database)
    first = await create(transactions, key="k1")
    again = await create(transactions, key="k1")
    assert (again.replayed, again.secret) == (True, None)
    assert str(again.refs["apiKey"]) == str(first.refs["apiKey"])
    assert (await counts(database, "api_key"))["api_key"] == 1
    secret = text_of(first).split("_", 2)[2]
    for table in ("api_key", "idempotency_key", "audit_entry", "event"):
        for row in await rows(database, f"SELECT * FROM {table}"):
            assert secret not in str(row)
    assert secret not in repr(first)


async def test_the_prefix_finds_it_and_the_secret_has_256_bits(database: Database) -> None:
    outcome = await create(transactions_on(database))
    (row,) = await rows(database, "SELECT prefix FROM api_key")
    assert prefix_of(text_of(outcome)) == row["prefix"]
    assert len(text_of(outcome).split("_", 2)[2]) == 43


@pytest.mark.parametrize(
    "bearer",
    ["", "x", "rsk_", "rsk_000000000000_" + "A" * 43, "x" * 10_000, "\x00", "\ud800", "ключ"],
)
async def test_what_is_no_key_is_unknown(database: Database, bearer: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticate(database, bearer, MORNING)


async def test_a_wrong_secret_with_a_known_prefix_is_unknown(database: Database) -> None:
    text = text_of(await create(transactions_on(database)))
    with pytest.raises(Unauthenticated):
        await authenticate(database, text[:-1] + ("A" if text[-1] != "A" else "B"), MORNING)


async def test_a_key_is_over_when_it_expires(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    text = text_of(await create(transactions, expires_at=MORNING + timedelta(hours=1)))
    assert not await is_refused(database, text, clock)
    clock.forward(hours=1)
    assert await is_refused(database, text, clock)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"name": ""}, ("INVALID", "name")),
        ({"name": "x" * 256}, ("INVALID", "name")),
        ({"name": "a\x00"}, ("INVALID", "name")),
        ({"actor": ""}, ("INVALID", "actor")),
        ({"actor": "System"}, ("INVALID", "actor")),
        ({"name": "anonymous"}, ("INVALID", "name")),
        ({"channels": ("nowhere",)}, ("NOT_FOUND", "channels", "0")),
        ({"locations": ("nowhere",)}, ("NOT_FOUND", "locations", "0")),
        ({"refund_limit": Money(-1, "GBP")}, ("INVALID", "refundLimit", "amount")),
        ({"expires_at": MORNING}, ("INVALID", "expiresAt")),
    ],
)
async def test_bad_input_is_refused(
    database: Database, facts: dict[str, Any], expected: tuple[str, ...]
) -> None:
    outcome = await create(transactions_on(database), **facts)
    assert codes(outcome) == [(expected[0], ("input", *expected[1:]))]
    assert outcome.secret is None
    assert await counts(database, "api_key", "event") == {"api_key": 0, "event": 0}


async def test_a_key_never_exceeds_its_creators_rights(database: Database) -> None:
    transactions = transactions_on(database)
    for code in ("web", "shop"):
        await transactions.perform(workflows.catalog.channels.upsert, a_channel(code))
    limited = holder(
        Role.ADMIN,
        actor="local",
        channels=frozenset({"web"}),
        refund_limit=Money(1_000, "GBP"),
    )
    supervisor = holder(Role.SUPERVISOR, actor="boss")
    for caller, facts, expected in (
        (limited, {}, ("INVALID", "channels")),
        (limited, {"channels": ("shop",)}, ("NOT_FOUND", "channels", "0")),
        (limited, {"channels": ("web",), "role": Role.FINANCE}, ("INVALID", "refundLimit")),
        (
            limited,
            {"channels": ("web",), "role": Role.FINANCE, "refund_limit": Money(1_001, "GBP")},
            ("GRANT_EXCEEDED", "refundLimit"),
        ),
        (
            limited,
            {"channels": ("web",), "role": Role.FINANCE, "refund_limit": Money(1, "EUR")},
            ("GRANT_EXCEEDED", "refundLimit"),
        ),
        (supervisor, {}, ("INVALID", "role")),
    ):
        outcome = await create(transactions, caller, **facts)
        assert codes(outcome) == [(expected[0], ("input", *expected[1:]))]
    within = await create(transactions, limited, channels=("web",))
    assert within.secret is not None


async def test_rotation_keeps_actor_and_scope_and_ends_the_old_key(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    await transactions.perform(workflows.catalog.channels.upsert, a_channel("web"))
    old = await create(
        transactions, actor="shop", channels=("web",), expires_at=MORNING + timedelta(days=30)
    )
    clock.forward(days=10)
    new = await rotate(transactions, old)
    assert await is_refused(database, text_of(old), clock)
    before = await authenticate(database, text_of(new), clock())
    assert (before.actor, before.role, before.channels) == (
        "shop",
        Role.STOREFRONT,
        frozenset({"web"}),
    )
    clock.forward(days=29)
    assert not await is_refused(database, text_of(new), clock)
    clock.forward(days=1)
    assert await is_refused(database, text_of(new), clock)


async def test_both_secrets_work_during_the_overlap(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    old = await create(transactions)
    new = await rotate(transactions, old, overlap=60)
    clock.forward(seconds=59)
    assert not await is_refused(database, text_of(old), clock)
    clock.forward(seconds=1)
    assert await is_refused(database, text_of(old), clock)
    assert not await is_refused(database, text_of(new), clock)


async def test_the_overlap_is_limited(database: Database) -> None:
    transactions = transactions_on(database)
    key = await create(transactions)
    for overlap in (-1, OVERLAP_MAX + 1):
        outcome = await rotate(transactions, key, overlap)
        assert codes(outcome) == [("LIMIT_EXCEEDED", ("overlapSeconds",))]
    assert (await counts(database, "api_key"))["api_key"] == 1


async def test_a_revoked_key_is_over_and_stays_so(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    key = await create(transactions)
    assert not (await revoke(transactions, key)).refusals
    assert await is_refused(database, text_of(key), clock)
    for again in (await revoke(transactions, key), await rotate(transactions, key)):
        assert codes(again) == [("ILLEGAL_TRANSITION", ("id",))]
    unknown = Outcome(refs={"apiKey": uuid4()})
    assert codes(await revoke(transactions, unknown)) == [("NOT_FOUND", ("id",))]


async def test_a_bigger_key_does_not_exist_for_a_limited_admin(database: Database) -> None:
    transactions = transactions_on(database)
    key = await create(transactions)
    local = holder(Role.ADMIN, actor="local", locations=frozenset())
    assert codes(await revoke(transactions, key, local)) == [("NOT_FOUND", ("id",))]


async def test_the_last_admin_key_cannot_be_revoked(database: Database) -> None:
    transactions = transactions_on(database)
    admins = [await create(transactions, name=f"admin {n}", role=Role.ADMIN) for n in range(2)]
    await create(
        transactions, name="brief", role=Role.ADMIN, expires_at=MORNING + timedelta(hours=2)
    )
    outcomes = await asyncio.gather(*(revoke(transactions, admin) for admin in admins))
    assert sorted(codes(outcome) for outcome in outcomes) == [
        [],
        [("ILLEGAL_TRANSITION", ("id",))],
    ]


async def test_the_last_admin_key_may_be_rotated(database: Database) -> None:
    transactions = transactions_on(database)
    old = await create(transactions, role=Role.ADMIN)
    new = await rotate(transactions, old)
    assert codes(await revoke(transactions, new)) == [("ILLEGAL_TRANSITION", ("id",))]


async def test_the_bootstrap_key_is_made_once(database: Database) -> None:
    transactions = transactions_on(database)
    for secret in ("open sesame", "open sesame", "another"):
        await asyncio.gather(
            *(
                workflows.access.api_keys.ensure_bootstrap_key(transactions, secret)
                for _ in range(3)
            )
        )
    assert (await counts(database, "api_key"))["api_key"] == 2
    caller = await authenticate(database, "open sesame", MORNING)
    assert (caller.actor, caller.role) == ("bootstrap", Role.ADMIN)


async def test_a_revoked_bootstrap_key_stays_revoked(database: Database) -> None:
    clock = Clock()
    transactions = transactions_on(database, clock=clock)
    await workflows.access.api_keys.ensure_bootstrap_key(transactions, "open sesame")
    await create(transactions, role=Role.ADMIN)
    (row,) = await rows(database, "SELECT id FROM api_key WHERE name = 'bootstrap'")
    await revoke(transactions, Outcome(refs={"apiKey": row["id"]}))
    await workflows.access.api_keys.ensure_bootstrap_key(transactions, "open sesame")
    assert await is_refused(database, "open sesame", clock)


async def test_a_limited_admin_makes_no_key_for_an_actor_with_one(database: Database) -> None:
    """Objects that an actor created are visible to it in every location."""
    transactions = transactions_on(database)
    await transactions.perform(workflows.catalog.locations.upsert, a_location("LEEDS"))
    await create(transactions, name="root", role=Role.ADMIN)
    local = holder(Role.ADMIN, actor="local", locations=frozenset({"LEEDS"}))

    async def made(name: str, actor: str | None, caller: Caller) -> Outcome:
        command = CreateKey(name, Role.WAREHOUSE, actor=actor, locations=("LEEDS",))
        return await transactions.perform(
            workflows.access.api_keys.create, Request(command, caller)
        )

    assert codes(await made("x", "root", local)) == [("INVALID", ("input", "actor"))]
    assert codes(await made("root", None, local)) == [("INVALID", ("input", "name"))]
    assert await counts(database, "api_key") == {"api_key": 1}
    for name, actor, caller in (("y", "new", local), ("z", "local", local), ("w", "root", SYSTEM)):
        assert not (await made(name, actor, caller)).refusals
