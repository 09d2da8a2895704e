"""A world of two disjoint halves: each has a channel, a location, and facts of every kind.

Texts of a half start with a marker word. Its second part tells for which scope the text is foreign:
`place` for a key of another location, `channel` for a key of another channel, `both` for either.
Items, suppliers and reason codes have no marker: they belong to no half.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import workflows.exceptions.opening
from domain.access.callers import Role
from domain.exceptions import ExceptionKind
from schema.fields.node import uuid_in
from tests.builders.in_process_server import (
    HOLD,
    JSON,
    PLACE,
    RECEIVE,
    UPSERT_CHANNEL,
    UPSERT_LOCATION,
    InProcessServer,
    gbp,
)
from workflows.transactions.transaction import Transaction

HALVES = ("alfa", "bravo")
_ERRORS = "userErrors { code field message }"


def _mutation(name: str, input_type: str, found: str) -> str:
    return (
        f"""mutation ($input: {input_type}!) {{ {name}(input: $input) {{ {found} {_ERRORS} }} }}"""
    )


SHIP = _mutation("fulfillmentShip", "FulfillmentShipInput", "fulfillment { id }")
ADJUST = _mutation("stockAdjust", "StockAdjustInput", "levels { id } movements { id }")
RECORD_COUNT = _mutation("stockCountRecord", "StockCountRecordInput", "lines { id count { id } }")
PUT_AWAY = _mutation("stockPutAway", "PutAwayInput", "levels { id }")
REQUEST = _mutation(
    "returnRequest", "ReturnRequestInput", "return { id rmaNumber items { id } refunds { id } }"
)
RECEIVE_RETURN = _mutation(
    "returnReceive",
    "ReturnReceiveInput",
    "return { id items { id } refunds { id } } exception { id }",
)
INSPECT = _mutation("returnInspect", "ReturnInspectInput", "return { refunds { id } }")
REFUND = _mutation("refundCreate", "RefundCreateInput", "refund { id }")
START = _mutation("playbookStart", "PlaybookInput", "run { id }")
END = f"""mutation ($id: ID!, $note: String!) {{
  playbookEnd(id: $id, note: $note) {{ run {{ id }} {_ERRORS} }} }}"""
PUBLISH = _mutation("policyPublish", "PolicyInput", "policy { id }")
CARRIER = _mutation("carrierEventRecord", "CarrierEventInput", "fulfillment { id }")
LABEL = _mutation("labelBuy", "LabelBuyInput", "label { id }")
CONNECT = _mutation("integrationUpsert", "IntegrationInput", "integration { id }")
SEND_TEST = f"""mutation ($code: String!) {{
  integrationTest(code: $code) {{ messages {{ id }} {_ERRORS} }} }}"""
CREATE_KEY = _mutation("apiKeyCreate", "ApiKeyInput", "apiKey { id }")
PICK = f"""mutation ($id: ID!, $short: [ShortageInput!]) {{
  fulfillmentPick(fulfillmentId: $id, shortages: $short) {{ {_ERRORS} }} }}"""
MOVE = _mutation("transferCreate", "TransferCreateInput", "transfer { id }")
CANCEL = f"""mutation ($id: ID!) {{ orderCancel(id: $id, reasonCode: "OTHER") {{ {_ERRORS} }} }}"""
KEEP = f"""mutation ($id: ID!, $hold: HoldInput!) {{
  fulfillmentHold(fulfillmentId: $id, hold: $hold) {{ hold {{ id }} {_ERRORS} }} }}"""
OWN_IDS = """{ stockLevels { nodes { id location { code } } }
  tasks { nodes { id location { code } } }
  journalEntries(first: 250) { nodes { id reference memo } }
  carrierEvents { nodes { id trackingNumber } }
  auditTrail(first: 250, action: "orderPlace") { nodes { id actor } } }"""


@dataclass
class Half:
    """One half, with the keys of its actors, and the ids and numbers of its objects by name."""

    name: str
    keys: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)

    @property
    def channel(self) -> str:
        return f"{self.name}channel-web"

    @property
    def location(self) -> str:
        return f"{self.name}place-dc"

    @property
    def feed(self) -> str:
        """The code of the integration of its channel."""
        return self.text("channel", "feed")

    @property
    def hook(self) -> str:
        """The code of the webhook of a key with its channel and location."""
        return self.text("both", "hook")

    @property
    def bin(self) -> str:
        return f"{self.name}place-bin"

    def actor(self, part: str, word: str) -> str:
        """The name of an actor. Units are of no channel, and events name who moved them."""
        return self.text("channel" if part == "channel" else "place", f"{part}-{word}")

    def text(self, part: str, word: str) -> str:
        """A text that is foreign for the keys that `part` names: place, channel or both."""
        return f"{self.name}{part}-{word}"


@dataclass
class TwoHalves:
    """The program with both halves."""

    api: InProcessServer
    halves: dict[str, Half]

    def foreign_words(self, half: Half, *, channels: bool, locations: bool) -> set[str]:
        """Texts that must not reach a key of `half` that is limited to its channel or location."""
        words: set[str] = set()
        for other in self.halves.values():
            if other is not half:
                words |= {other.name + "both", *other.numbers}
                words |= {other.name + "channel"} if channels else set()
                words |= {other.name + "place"} if locations else set()
        return words


async def open_two_halves(api: InProcessServer) -> TwoHalves:
    """Create both halves, with the same facts in each."""
    world = TwoHalves(api, {name: Half(name) for name in HALVES})
    for half in world.halves.values():
        await _found(api, half)
        await _stock(api, half)
        await _sales(api, half)
        await _returns(api, half)
        await _deviations(api, half)
        await _rules(api, half)
        await _ids(api, half)
    await api.settled()
    return world


async def _found(api: InProcessServer, half: Half) -> None:
    place = {
        "code": half.location,
        "name": half.text("place", "name"),
        "kind": "WAREHOUSE",
        "countryCode": "GB",
    }
    made = await api.done(UPSERT_LOCATION, {"input": place})
    half.ids["Location"] = made["location"]["id"]
    shelf = {"code": half.bin, "name": half.text("place", "shelf"), "kind": "BIN"}
    made = await api.done(UPSERT_LOCATION, {"input": {**shelf, "parentCode": half.location}})
    half.ids["Bin"] = made["location"]["id"]
    channel = {
        "code": half.channel,
        "name": half.text("channel", "name"),
        "kind": "STOREFRONT",
        "currencyCode": "GBP",
        "locationCodes": [half.location],
    }
    made = await api.done(UPSERT_CHANNEL, {"input": channel})
    half.ids["Channel"] = made["channel"]["id"]
    scopes: dict[str, dict[str, Any]] = {
        "place": {"locations": (half.location,)},
        "channel": {"channels": (half.channel,)},
        "both": {"channels": (half.channel,), "locations": (half.location,)},
    }
    for part, scope in scopes.items():
        for word in ("actor", "second"):
            name = half.actor(part, word)
            half.keys[f"{part}-{word}"] = await api.a_key(Role.ADMIN, name=name, **scope)


async def _stock(api: InProcessServer, half: Half) -> None:
    at = {"locationCode": half.location}
    lines = [{"sku": sku, "quantity": 50} for sku in ("TEE", "COAT")]
    delivery = {**at, "reference": half.text("place", "delivery"), "lines": lines}
    key = half.keys["place-actor"]
    made = await api.done(RECEIVE, {"input": delivery}, key=key)
    half.ids["StockLevel"] = made["levels"][0]["id"]
    half.ids["StockMovement"] = made["movements"][0]["id"]
    line = {"sku": "TEE", "quantity": 5, "binCode": half.bin}
    await api.done(PUT_AWAY, {"input": {**at, "lines": [line]}}, key=key)
    places = [{"sku": "TEE", "quantity": 5, "binCode": half.bin}, {"sku": "TEE", "quantity": 45}]
    recorded = await api.done(RECORD_COUNT, {"input": {**at, "places": places}}, key=key)
    half.ids["StockCountLine"] = recorded["lines"][0]["id"]
    half.ids["StockCount"] = recorded["lines"][0]["count"]["id"]
    counted = {**at, "sku": "TEE", "delta": -1, "reasonCode": "COUNT"}
    counted["note"] = half.text("place", "note")
    await api.done(ADJUST, {"input": counted}, key=key)


def order_of(half: Half, word: str, units: int = 1) -> JSON:
    """An OrderPlaceInput with texts of the half."""
    return {
        "channel": half.channel,
        "externalReference": half.text("both", word),
        "customerReference": half.text("both", "customer"),
        "lines": [{"sku": "TEE", "quantity": units, "unitPrice": gbp("10.00")}],
        "shipTo": {"countryCode": "GB", "name": half.text("both", "person")},
        "payments": [
            {"reference": half.text("both", f"pay-{word}"), "amount": gbp(f"{units}0.00")}
        ],
    }


async def _placed(api: InProcessServer, half: Half, word: str, units: int = 1) -> Any:
    given = {"input": order_of(half, word, units)}
    order = (await api.done(PLACE, given, key=half.keys["both-actor"]))["order"]
    half.numbers.add(order["number"])
    return order


async def _sales(api: InProcessServer, half: Half) -> None:
    key = half.keys["both-actor"]
    hold = {
        "channel": half.channel,
        "externalReference": half.text("both", "hold"),
        "lines": [{"sku": "TEE", "quantity": 1}],
    }
    half.ids["Reservation"] = (await api.done(HOLD, {"input": hold}, key=key))["reservation"]["id"]
    sold = await _placed(api, half, "sold", 4)
    half.ids["Order"] = sold["id"]
    half.ids["OrderLine"] = sold["lines"][0]["id"]
    half.ids["Fulfillment"] = sold["fulfillments"][0]["id"]
    tracking = half.text("both", "tracking")
    parcel = {"fulfillmentId": sold["fulfillments"][0]["id"], "carrier": "DHL"}
    parcel["trackingNumber"] = tracking
    await api.done(SHIP, {"input": parcel}, key=key)
    api.advance_clock(60)
    seen = {
        "carrier": "DHL",
        "trackingNumber": tracking,
        "eventId": half.text("both", "scan"),
        "status": "IN_TRANSIT",
        "occurredAt": api.restow.clock().isoformat(),
    }
    await api.done(CARRIER, {"input": seen}, key=key)
    kept = (await _placed(api, half, "kept"))["fulfillments"][0]["id"]
    because = {"reason": "OTHER", "note": half.text("both", "because")}
    made = await api.done(KEEP, {"id": kept, "hold": because}, key=key)
    half.ids["FulfillmentHold"] = made["hold"]["id"]
    opened = await _placed(api, half, "open")
    half.ids["OpenOrder"] = opened["id"]
    label = {"subjectId": opened["fulfillments"][0]["id"]}
    bought = await api.done(LABEL, {"input": label}, key=key)
    half.ids["ShippingLabel"] = bought["label"]["id"]
    cancelled = await _placed(api, half, "cancelled")
    await api.done(CANCEL, {"id": cancelled["id"]}, key=key)
    there = {"code": f"{half.location}-store", "name": half.text("place", "store")}
    there |= {"kind": "STORE", "countryCode": "GB"}
    await api.done(UPSERT_LOCATION, {"input": there})
    moved: JSON = {"originCode": half.location, "destinationCode": there["code"]}
    moved |= {"reference": half.text("place", "moved"), "lines": [{"sku": "TEE", "quantity": 1}]}
    made = await api.done(MOVE, {"input": moved})
    half.ids["Transfer"] = made["transfer"]["id"]


async def _returns(api: InProcessServer, half: Half) -> None:
    key, second = half.keys["both-actor"], half.keys["both-second"]
    wanted = {
        "orderId": half.ids["Order"],
        "customerNote": half.text("both", "note"),
        "items": [{"sku": "TEE", "quantity": 2, "reasonCode": "UNWANTED"}],
    }
    made = (await api.done(REQUEST, {"input": wanted}, key=key))["return"]
    half.ids["Return"] = made["id"]
    half.numbers.add(made["rmaNumber"])
    parcel = {
        "returnId": made["id"],
        "locationCode": half.location,
        "items": [{"sku": "TEE", "quantity": 1}],
        "binCode": half.bin,
    }
    here = await api.done(RECEIVE_RETURN, {"input": parcel}, key=second)
    half.ids["ReturnItem"] = here["return"]["items"][-1]["id"]
    finding = {"returnItemId": half.ids["ReturnItem"], "quantity": 1, "condition": "DAMAGED"}
    finding["note"] = half.text("both", "finding")
    graded = {"returnId": made["id"], "findings": [finding]}
    await api.done(INSPECT, {"input": graded}, key=second)
    sorry = {
        "orderId": half.ids["Order"],
        "reasonCode": "OTHER",
        "amount": gbp("1.00"),
        "note": half.text("both", "sorry"),
    }
    refund = (await api.done(REFUND, {"input": sorry}, key=key))["refund"]
    half.ids["Refund"] = refund["id"]


async def _deviations(api: InProcessServer, half: Half) -> None:
    parcel = {
        "locationCode": half.location,
        "trackingNumber": half.text("place", "unknown"),
        "items": [{"sku": "COAT", "quantity": 1}],
    }
    found = await api.done(RECEIVE_RETURN, {"input": parcel}, key=half.keys["place-actor"])
    half.ids["OperationalException"] = found["exception"]["id"]
    short = await _placed(api, half, "short")
    missing = [{"orderLineId": short["lines"][0]["id"], "quantity": 1}]
    picked = {"id": short["fulfillments"][0]["id"], "short": missing}
    await api.done(PICK, picked, key=half.keys["both-actor"])
    order_id, channel = uuid_in("Order", half.ids["Order"]), half.ids["Channel"]

    async def work(tx: Transaction) -> None:
        rows = await tx.session.fetch("SELECT id FROM channel WHERE code = $1", half.channel)
        await workflows.exceptions.opening.open_exception(
            tx,
            ExceptionKind.REFUND_OVERDUE,
            ("Order", order_id),
            f"{half.text('both', 'message')} is overdue.",
            channel_id=rows[0]["id"],
        )

    assert channel
    await api.restow.transactions.run(work)


async def _rules(api: InProcessServer, half: Half) -> None:
    window = {"window": "P30D", "finalSale": False}
    by_channel = {"kind": "RETURN", "scope": f"channel:{half.channel}", "rules": window}
    made = await api.done(PUBLISH, {"input": by_channel}, key=half.keys["channel-actor"])
    half.ids["Policy"] = made["policy"]["id"]
    rules = {"table": [{"condition": "*", "reason": "*", "disposition": "QUARANTINE"}]}
    by_place = {"kind": "DISPOSITION", "scope": f"location:{half.location}", "rules": rules}
    await api.done(PUBLISH, {"input": by_place}, key=half.keys["place-actor"])
    feed: JSON = {"code": half.feed, "kind": "CHANNEL", "url": "simulator"}
    feed["name"] = half.text("channel", "market")
    connected = {**feed, "feed": {"channel": half.channel}}
    made = await api.done(CONNECT, {"input": connected}, key=half.keys["channel-actor"])
    half.ids["Integration"] = made["integration"]["id"]
    hook = {"code": half.hook, "kind": "WEBHOOK", "url": "http://127.0.0.1:9/hooks"}
    await api.done(CONNECT, {"input": hook}, key=half.keys["both-actor"])
    sent = await api.done(SEND_TEST, {"code": half.hook}, key=half.keys["both-actor"])
    half.ids["Message"] = sent["messages"][0]["id"]
    key = {"name": half.text("both", "key"), "role": "WAREHOUSE"}
    scope = {"channels": [half.channel], "locations": [half.location]}
    made = await api.done(CREATE_KEY, {"input": {**key, **scope}}, key=half.keys["both-actor"])
    half.ids["ApiKey"] = made["apiKey"]["id"]
    closure = {"playbook": "LOCATION_CLOSURE", "reason": half.text("both", "flood"), **scope}
    made = await api.done(START, {"input": closure}, key=half.keys["both-actor"])
    half.ids["PlaybookRun"] = made["run"]["id"]
    ended = {"id": half.ids["PlaybookRun"], "note": half.text("both", "dry")}
    await api.done(END, ended, key=half.keys["both-actor"])
    await _shadow(api, half)


async def _shadow(api: InProcessServer, half: Half) -> None:
    """A shadow case: a hold that was placed while ROUTING was in SHADOW in the channel."""
    hold = {
        "channel": half.channel,
        "externalReference": half.text("both", "shadow"),
        "lines": [{"sku": "TEE", "quantity": 1}],
    }
    given: JSON = {"kind": "ROLLOUT", "scope": f"channel:{half.channel}"}
    tried, live = {"*": "LIVE", "ROUTING": "SHADOW"}, {"*": "LIVE"}
    key = half.keys["channel-actor"]
    await api.done(PUBLISH, {"input": {**given, "rules": {"domains": tried}}}, key=key)
    made = await api.done(HOLD, {"input": hold}, key=half.keys["both-actor"])
    half.ids["ShadowHold"] = made["reservation"]["id"]
    await api.done(PUBLISH, {"input": {**given, "rules": {"domains": live}}}, key=key)


async def _ids(api: InProcessServer, half: Half) -> None:
    """The ids of objects that no mutation returns."""
    found = await api.ask(OWN_IDS)
    for name, nodes in (
        (
            "CarrierEvent",
            [
                n
                for n in found["carrierEvents"]["nodes"]
                if n["trackingNumber"] == half.text("both", "tracking")
            ],
        ),
        ("Task", [n for n in found["tasks"]["nodes"] if n["location"]["code"] == half.location]),
        (
            "JournalEntry",
            [  # the payment of an order: a fact about the whole order
                n
                for n in found["journalEntries"]["nodes"]
                if n["reference"] in half.numbers and n["memo"].startswith("Captured")
            ],
        ),
        (
            "AuditEntry",
            [n for n in found["auditTrail"]["nodes"] if n["actor"] == half.actor("both", "actor")],
        ),
    ):
        assert nodes, name
        half.ids[name] = nodes[0]["id"]
