"""The demo passes all workflows, shows its story, and opens with its keys."""

from uuid import UUID

import pytest

import scripts.demo.seed as demo
import scripts.demo.story as story
import workflows.availability.availability
from domain.access.callers import Role
from domain.terms import Terms
from models.database.database import Database
from models.migrations.runner import migrate
from tests import raw
from tests.builders.transactions import Clock, rows, transactions_on
from tests.databases import Databases
from workflows.access.authentication import authenticate
from workflows.ledger.reconciliation import reconcile
from workflows.reactions import REACTIONS
from workflows.transactions.runner import Transactions

STATUSES = "SELECT external_reference AS ref, status FROM sales_order"


def on(database: Database, currency: str = "GBP") -> Transactions:
    terms = Terms(currency)
    return transactions_on(database, clock=Clock(), reactions=REACTIONS, terms=terms)


async def test_the_story(database: Database) -> None:
    transactions = on(database)
    assert await demo.is_empty(database)
    keys = await demo.seed(transactions, database)
    assert not await demo.is_empty(database)
    statuses = {row["ref"]: row["status"] for row in await rows(database, STATUSES)}
    assert statuses == {
        "WEB-1001": "SHIPPED",
        "M-77310": "SHIPPED",
        "WEB-1002": "PARTIALLY_SHIPPED",
        "EU-204": "ALLOCATED",
        "WEB-1003": "CANCELLED",
        "PO-5521": "OPEN",
        "WEB-1004": "ALLOCATED",
    }
    assert keys.by_role.keys() == set(Role)
    assert keys.anonymous_channel == "web"


@pytest.mark.parametrize(
    ("currency", "tee", "coat"),
    [
        ("GBP", 450, 6_100),
        ("USD", 450, 6_100),
        ("EUR", 450, 6_100),
        ("JPY", 4, 61),
        ("KWD", 4_500, 61_000),
    ],
)
async def test_the_demo_is_the_same_in_any_base_currency(
    fresh_database: Databases, currency: str, tee: int, coat: int
) -> None:
    """Costs are as many units of it. The write-off in the demo needs no approval."""
    url = fresh_database()
    await raw.empty(url)
    await migrate(url, currency)
    database = Database(url)
    await database.open()
    try:
        await demo.seed(on(database, currency), database)
        costs = await rows(
            database,
            "SELECT i.sku, c.currency, i.unit_cost_minor FROM item_cost c"
            " JOIN item i ON i.id = c.item_id",
        )
        assert {row["currency"] for row in costs} == {currency}
        unit_costs = {row["sku"]: row["unit_cost_minor"] for row in costs}
        assert (unit_costs["TEE-WHITE-M"], unit_costs["COAT-WAX-OLIVE-M"] > coat) == (tee, True)
        assert unit_costs["COAT-STORM-NAVY-M"] == coat
        statuses = {row["ref"]: row["status"] for row in await rows(database, STATUSES)}
        assert statuses["WEB-1001"] == "SHIPPED"
        assert await reconcile(database) == []
    finally:
        await database.close()


async def test_the_coat_is_about_to_sell_out(database: Database) -> None:
    transactions = on(database)
    keys = await demo.seed(transactions, database)
    caller = await authenticate(database, keys.by_role[Role.ADMIN], transactions.clock())
    promised = {}
    async with database.snapshot() as session:
        for channel in ("web", "market"):
            found = await workflows.availability.availability.find(
                session, channel, ["COAT-STORM-NAVY-M"], caller, transactions.clock()
            )
            assert found[0] is not None
            promised[channel] = found[0].available_to_promise
    assert promised == {"web": 3, "market": 0}


async def test_new_keys_end_the_old_ones(database: Database) -> None:
    transactions = on(database)
    first = await demo.seed(transactions, database)
    second = await demo.renew_keys(transactions, database)
    live = await rows(database, "SELECT id FROM api_key WHERE revoked_at IS NULL")
    callers = [
        await authenticate(database, text, transactions.clock()) for text in second.by_role.values()
    ]
    assert {row["id"] for row in live} == {caller.key_id for caller in callers}
    assert not set(first.by_role.values()) & set(second.by_role.values())
    storefront = next(caller for caller in callers if caller.role is Role.STOREFRONT)
    assert storefront.channels == frozenset({story.STOREFRONT})
    assert isinstance(storefront.key_id, UUID)
