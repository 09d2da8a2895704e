"""Journal, policies, exceptions and audit trail over the API."""

import workflows.exceptions.opening as exceptions
from domain.access.callers import SYSTEM, Role
from domain.exceptions import ExceptionKind
from domain.policies.policies import PolicyKind
from tests.builders.in_process_server import JSON, InProcessServer
from workflows.ledger.sealing import FIRST_PREVIOUS, Sealing
from workflows.transactions.transaction import Transaction

PUBLISH = """mutation ($input: PolicyInput!) { policyPublish(input: $input) {
  policy { id kind scope version rules effectiveFrom publishedBy }
  userErrors { field code message details } } }"""
CLOSE = """mutation ($at: DateTime!) { periodClose(through: $at) {
  period { through closedAt closedBy } userErrors { field code } } }"""


async def test_entries_balance_and_are_found_by_reference_and_account(api: InProcessServer) -> None:
    await api.receive(5)
    order = await api.place(2)
    document = """query ($reference: String, $account: String) {
      journalEntries(reference: $reference, account: $account) { nodes {
        memo reference postedAt effectiveAt reverses { id }
        lines { account debit { amount currencyCode } credit { amount } } } } }"""
    nodes = (await api.ask(document, {"reference": "PO-TEE-LEEDS"}))["journalEntries"]["nodes"]
    assert len(nodes) == 1
    assert nodes[0]["lines"] == [
        {
            "account": "inventory",
            "debit": {"amount": "40.00", "currencyCode": "GBP"},
            "credit": None,
        },
        {
            "account": "goods_received_not_invoiced",
            "debit": None,
            "credit": {"amount": "40.00"},
        },
    ]
    found = (await api.ask(document, {"account": "customer_deposits"}))["journalEntries"]
    assert [entry["reference"] for entry in found["nodes"]] == [order["number"]]
    assert (await api.ask(document, {"account": "nope"}))["journalEntries"]["nodes"] == []


async def test_the_trial_balance_is_cut_by_time(api: InProcessServer) -> None:
    await api.receive(5)
    document = """query ($at: DateTime) { trialBalance(asOf: $at) { asOf balanced accounts {
      account name debit { amount } credit { amount } balance { amount currencyCode } } } }"""
    now = (await api.ask(document))["trialBalance"]
    assert now["balanced"] is True
    assert {
        "account": "inventory",
        "name": "Inventory",
        "debit": {"amount": "40.00"},
        "credit": {"amount": "0.00"},
        "balance": {"amount": "40.00", "currencyCode": "GBP"},
    } in now["accounts"]
    before = (await api.ask(document, {"at": "2020-01-01T00:00:00Z"}))["trialBalance"]
    assert before == {"asOf": "2020-01-01T00:00:00Z", "balanced": True, "accounts": []}


async def test_policies_are_published_in_versions(api: InProcessServer) -> None:
    given = {
        "kind": "ROUTING",
        "scope": "channel:web",
        "rules": {"order": ["preference"], "preference": ["YORK"]},
    }
    made = (await api.done(PUBLISH, {"input": given}))["policy"]
    assert (made["version"], made["scope"], made["publishedBy"]) == (1, "channel:web", "bootstrap")
    assert made["rules"] == given["rules"]
    listed = await api.ask(
        """{ all: policies { kind } routing: policies(kind: ROUTING) { scope version publishedBy }
        web: policies(scope: "channel:web") { id } }"""
    )
    assert listed["routing"] == [
        {"scope": "channel:web", "version": 1, "publishedBy": "bootstrap"},
        {"scope": "global", "version": 1, "publishedBy": "system"},
    ]
    assert listed["web"] == [{"id": made["id"]}]
    assert len(listed["all"]) == len(PolicyKind) + 1
    market = await api.a_key(Role.SUPPORT, channels=("market",))
    seen = await api.ask("{ policies(kind: ROUTING) { scope } }", key=market)
    assert seen == {"policies": [{"scope": "global"}]}


async def test_a_policy_that_cannot_be_names_the_place(api: InProcessServer) -> None:
    for given, field in (
        ({"rules": {"order": ["nothing"]}}, "input.rules.order[0]"),
        ({"rules": {"unknown": 1}}, "input.rules.unknown"),
        ({"rules": []}, "input.rules"),
        ({"rules": None}, None),
        ({"scope": "planet:mars"}, "input.scope"),
        ({"scope": "channel:nope"}, "input.scope"),
        ({"effectiveFrom": "2020-01-01T00:00:00Z"}, "input.effectiveFrom"),
    ):
        policy: JSON = {"kind": "ROUTING", "scope": "global", "rules": {}, **given}
        if field is None:
            assert await api.code(PUBLISH, {"input": policy}) == "BAD_REQUEST"
            continue
        [(_, found)] = await api.refusals(PUBLISH, {"input": policy})
        assert found is not None
        assert found.replace(".order.0", ".order[0]") == field


async def test_only_some_roles_publish_some_policies(api: InProcessServer) -> None:
    planner = await api.a_key(Role.SUPPLY_CHAIN)
    rules = {"approvalAbove": {"GBP": "9999.00"}}
    given = {"kind": "ADJUSTMENT", "scope": "global", "rules": rules}
    assert await api.code(PUBLISH, {"input": given}, key=planner) == "FORBIDDEN"
    routing = {"kind": "ROUTING", "scope": "global", "rules": {}}
    await api.done(PUBLISH, {"input": routing}, key=planner)


async def test_an_exception_ages_and_shows_its_subject(api: InProcessServer) -> None:
    await api.receive(5)
    order = await api.place(1)
    async with api.restow.database.reading() as session:
        key = await session.fetch_value("SELECT id FROM sales_order")

    async def work(tx: Transaction) -> None:
        subject = ("Order", key)
        await exceptions.open_exception(
            tx, ExceptionKind.ORDER_LATE, subject, "late", actor=SYSTEM.actor
        )

    await api.restow.transactions.run(work)
    api.advance_clock(7_200)
    await api.restow.transactions.run(work)
    document = """query ($status: ExceptionStatus, $kind: String, $severity: ExceptionSeverity) {
      exceptions(status: $status, kind: $kind, severity: $severity) { totalCount nodes {
        kind status severity message owner ownerRole ageSeconds breached occurrences resolution
        location { code } subject { __typename id } openedAt dueAt } } }"""
    for narrow in ({}, {"status": "OPEN"}, {"kind": "ORDER_LATE"}, {"severity": "HIGH"}):
        found = (await api.ask(document, narrow))["exceptions"]
        assert found["totalCount"] == 1, narrow
    [late] = found["nodes"]
    assert late["subject"] == {"__typename": "Order", "id": order["id"]}
    assert (late["status"], late["occurrences"], late["breached"]) == ("OPEN", 2, False)
    assert 7_200 <= late["ageSeconds"] < 7_300
    api.advance_clock(4 * 3_600)
    assert (await api.ask(document))["exceptions"]["nodes"][0]["breached"] is True
    none = await api.ask(document, {"status": "RESOLVED"})
    assert none["exceptions"]["totalCount"] == 0


async def test_every_mutation_leaves_a_trail(api: InProcessServer) -> None:
    await api.receive(5)
    order = await api.place(1)
    document = """query ($subject: String, $actor: String, $action: String) {
      auditTrail(subject: $subject, actor: $actor, action: $action) {
        nodes { at actor action subject before after } } }"""
    trail = (await api.ask(document, {"subject": order["id"]}))["auditTrail"]["nodes"]
    assert [entry["action"] for entry in trail] == ["orderPlace"]
    assert trail[0]["actor"] == "bootstrap"
    assert trail[0]["subject"].startswith("Order:")
    same = (await api.ask(document, {"subject": trail[0]["subject"]}))["auditTrail"]["nodes"]
    assert same == trail
    by_action = await api.ask(document, {"action": "stockReceive"})
    assert len(by_action["auditTrail"]["nodes"]) == 1
    assert (await api.ask(document, {"actor": "nobody"}))["auditTrail"]["nodes"] == []
    clerk = await api.a_key(Role.WAREHOUSE)
    assert await api.code(document, {}, key=clerk) == "FORBIDDEN"


async def test_audit_entries_show_their_place_in_the_chain(api: InProcessServer) -> None:
    await api.receive(5)
    document = "{ auditTrail { nodes { id subject hash previousHash } } }"
    before = (await api.ask(document))["auditTrail"]["nodes"]  # the job may have sealed some
    assert all((each["hash"] is None) == (each["previousHash"] is None) for each in before)
    while await Sealing(api.restow.transactions).seal():
        pass
    newest, *older = (await api.ask(document))["auditTrail"]["nodes"]
    hashes = {each["hash"] for each in older}
    assert newest["previousHash"] in hashes
    assert FIRST_PREVIOUS in {each["previousHash"] for each in older}
    assert len({*hashes, newest["hash"]}) == len(before) > 1
    node = "query ($id: ID!) { node(id: $id) { ... on AuditEntry { hash previousHash } } }"
    found = (await api.ask(node, {"id": newest["id"]}))["node"]
    assert found == {key: newest[key] for key in ("hash", "previousHash")}


async def test_books_are_closed_once_and_never_ahead(api: InProcessServer) -> None:
    at = "2026-01-01T00:00:00Z"
    made = (await api.done(CLOSE, {"at": at}))["period"]
    assert (made["through"], made["closedBy"]) == (at, "bootstrap")
    again = await api.ask(CLOSE, {"at": at})
    assert again["periodClose"]["userErrors"] == [{"field": ["through"], "code": "PERIOD_CLOSED"}]
    ahead = await api.ask(CLOSE, {"at": "2999-01-01T00:00:00Z"})
    assert ahead["periodClose"]["userErrors"][0]["code"] == "PERIOD_CLOSED"
    assert (await api.ask("{ periods { through } }"))["periods"] == [{"through": at}]
