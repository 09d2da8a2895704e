"""Operator settings that rules depend on, passed to workflows as one value."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from domain.orders.parcels import GRAMS_MAX_DEFAULT
from domain.stock.reservations import HoldLimits


@dataclass(frozen=True, slots=True)
class Terms:
    """Settings that rules depend on; `app` builds it from the environment.

    `base_currency`: ISO 4217 code in which costs and inventory value are kept. `parcel_grams_max`:
    the weight of the heaviest parcel. `carriers`: codes of the configured carriers; the first one
    is the default. `label_documents_kept`: how long the documents of shipping labels are kept.
    `probe_every`: how often an integration that is DOWN is probed. `secrets_key`: the key from
    which secrets of integrations are derived; None: there are none.
    """

    base_currency: str = "GBP"
    holds: HoldLimits = field(default_factory=HoldLimits)
    parcel_grams_max: int = GRAMS_MAX_DEFAULT
    carriers: tuple[str, ...] = ("simulator",)
    label_documents_kept: timedelta = timedelta(days=90)
    probe_every: timedelta = timedelta(seconds=30)
    secrets_key: bytes | None = field(default=None, repr=False)


DEFAULT_TERMS: Final = Terms()
