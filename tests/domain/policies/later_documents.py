"""Documents of the kinds of policies that later versions added, and mistakes in them."""

from typing import Any, Final

from domain.policies.policies import PolicyKind
from tests.domain.policies import (
    continuity_documents,
    count_documents,
    fulfillment_documents,
    rollout_documents,
)

DOCUMENTS: Final[dict[PolicyKind, dict[str, Any]]] = {
    PolicyKind.FULFILLMENT: fulfillment_documents.DOCUMENT,
    PolicyKind.COUNT: count_documents.DOCUMENT,
    PolicyKind.CONTINUITY: continuity_documents.DOCUMENT,
    PolicyKind.ROLLOUT: rollout_documents.DOCUMENT,
}
MISTAKES: Final[list[tuple[PolicyKind, str, Any, str]]] = [
    *((PolicyKind.FULFILLMENT, *each) for each in fulfillment_documents.MISTAKES),
    *((PolicyKind.COUNT, *each) for each in count_documents.MISTAKES),
    *((PolicyKind.CONTINUITY, *each) for each in continuity_documents.MISTAKES),
    *((PolicyKind.ROLLOUT, *each) for each in rollout_documents.MISTAKES),
]
