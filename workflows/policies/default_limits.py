"""Default policies in the base currency, if the operator changes it before stock is received.

A new database gets them from the migrations (models/migrations/m0002_defaults.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

import models.queries.policies as policy_queries
from domain.access.callers import SYSTEM
from domain.policies.defaults import default_rules
from domain.policies.policies import PolicyKind
from workflows.policies.publishing import PublishPolicy, publish
from workflows.transactions.outcomes import Request
from workflows.transactions.transaction import Transaction

GLOBAL = "global"
# Paths in the default documents to amounts by currency.
AMOUNTS: Mapping[PolicyKind, Sequence[str]] = {
    PolicyKind.REFUND: ("bands",),
    PolicyKind.ADJUSTMENT: ("approvalAbove",),
    PolicyKind.COUNT: ("recountAbove", "value"),
}


async def name_base_currency(tx: Transaction) -> list[PolicyKind]:
    """Publish the defaults that do not name the base currency again, in it. Returns their kinds.

    A kind for which a person has published global rules stays as it is. Records
    `policy.published`.
    """
    published = []
    rules = default_rules(tx.terms.base_currency)
    for kind, path in AMOUNTS.items():
        newest = await policy_queries.newest(tx.session, kind, GLOBAL)
        if newest is None or newest["published_by"] != SYSTEM.actor:
            continue
        stored: Mapping[str, Any] = orjson.loads(newest["rules"])
        for member in path:
            stored = stored[member]
        if tx.terms.base_currency in stored:
            continue
        command = PublishPolicy(kind, GLOBAL, rules[kind], replaces=newest["version"])
        [outcome] = await publish.run(tx, [Request(command, SYSTEM)])
        assert not outcome.refusals, outcome.refusals
        published.append(kind)
    return published
