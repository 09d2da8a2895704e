"""The demo passes all workflows, shows its story, and opens with its keys."""

from uuid import UUID

import scripts.demo.seed as demo
import scripts.demo.story as story
import workflows.availability.availability
from domain.access.callers import Role
from models.database.database import Database
from tests.builders.transactions import Clock, rows, transactions_on
from workflows.access.authentication import authenticate
from workflows.reactions import REACTIONS
from workflows.transactions.runner import Transactions

STATUSES = "SELECT external_reference AS ref, status FROM sales_order"


def on(database: Database) -> Transactions:
    return transactions_on(database, clock=Clock(), reactions=REACTIONS)


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
