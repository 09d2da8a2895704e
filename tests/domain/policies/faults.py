"""Faults of a policy document."""

import pytest

import domain.policies.policies as policies
from domain.errors import DomainError, Invalid
from domain.policies.policies import PolicyKind


def faults_of(kind: PolicyKind, document: object) -> list[DomainError]:
    """The faults for which a document is refused."""
    with pytest.raises(DomainError) as refusal:
        policies.parse_rules(kind, document)
    assert all(isinstance(each, Invalid) for each in refusal.value.parts)
    return list(refusal.value.parts)
