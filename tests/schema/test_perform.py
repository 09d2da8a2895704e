"""Payloads of mutations: each field is filled, and by the type of its annotation."""

from typing import Any, cast, get_type_hints

import pytest

import resolvers.root  # defines all payloads
from schema.fields.errors import Payload
from schema.mutations.perform import PayloadReference, references_of
from schema.mutations.refunds import RefundPayload
from schema.mutations.returns import ReturnPayload

# Filled from the outcome itself, not from its references.
OF_THE_OUTCOME = {"replayed", "user_errors", "secret", "results", "measures"}


def test_all_payloads_are_known() -> None:
    mutations = resolvers.root.MUTATIONS.values()
    returned = {get_type_hints(resolver)["return"] for resolver in mutations}
    assert returned == {payload | None for payload in Payload.__subclasses__()}


@pytest.mark.parametrize("payload", Payload.__subclasses__())
def test_all_fields_of_a_payload_are_filled(payload: type[Payload]) -> None:
    filled = {reference.field for reference in references_of(cast(Any, payload))}
    assert filled == set(get_type_hints(payload)) - OF_THE_OUTCOME


def test_references_are_read_from_annotations() -> None:
    assert references_of(RefundPayload) == (
        PayloadReference("refund", "refund", "Refund", False, True),
        PayloadReference("refunds", "refunds", "Refund", True, False),
    )
    assert references_of(ReturnPayload) == (
        PayloadReference("return_", "return", "Return", False, True),
        PayloadReference("exception", "exception", "OperationalException", False, True),
    )
