"""API keys: format, commands, and the rules for creating, rotating and revoking them.

A key is `rsk_<prefix>_<secret>`. The prefix (12 hexadecimal digits) identifies it and may be shown.
The secret holds 256 random bits. Only the SHA-256 of the whole key is stored.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.access.callers import PROGRAM_ACTORS, STAFF_ACTOR, Caller, Role, holder
from domain.errors import DomainError, GrantExceeded, Invalid, LimitExceeded, Path
from domain.problems import Problems
from domain.values.codes import check_stored, comparison_key, store_codes
from domain.values.money import Money, to_decimal
from domain.values.texts import NAME_MAX, check_name

OVERLAP_MAX: Final = 30 * 24 * 3_600
SCOPE_MAX: Final = 1_000
# An ADMIN key that expires sooner does not count as the remaining ADMIN key.
LASTING: Final = timedelta(days=1)
BEARER_MAX: Final = 512
# No key may act for these.
RESERVED_ACTORS: Final = PROGRAM_ACTORS | {STAFF_ACTOR}

_KEY: Final = re.compile(r"rsk_([0-9a-f]{12})_[A-Za-z0-9_-]{43,}")


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Create a key. `actor` None: the key's name. `channels`, `locations` None: all of them."""

    name: str
    role: Role
    actor: str | None = None
    channels: tuple[str, ...] | None = None
    locations: tuple[str, ...] | None = None
    refund_limit: Money | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        store_codes(self, "name", "actor", "channels", "locations")

    @property
    def acting_as(self) -> str:
        """The actor of the key."""
        return self.name if self.actor is None else self.actor


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Replace a key by a new one; the old secret works for `overlap_seconds` more."""

    key_id: UUID
    overlap_seconds: int = 0


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Revoke a key immediately."""

    key_id: UUID


class LastAdminKey(DomainError):
    """The last unrestricted ADMIN key cannot be revoked: no other key could create a new one."""

    code = "ILLEGAL_TRANSITION"

    def __init__(self, *, field: Path = ()) -> None:
        message = (
            "The key cannot be ended: it is the last ADMIN key without a restricted scope that is "
            "valid for another day."
        )
        super().__init__(message, field=field, details={"from": "live", "to": "revoked"})


def key_text(prefix: str, secret: str) -> str:
    """The full key, shown once, at creation."""
    return f"rsk_{prefix}_{secret}"


def prefix_of(bearer: str) -> str | None:
    """The prefix of a bearer token that has the form of an API key, else None."""
    match = _KEY.fullmatch(bearer)
    return match[1] if match else None


def key_hash(bearer: str) -> str:
    """The stored hash of a key; SHA-256 is enough for a secret of 256 random bits."""
    return hashlib.sha256(bearer.encode("utf-8", "surrogatepass")).hexdigest()


def check_key(command: CreateKey, now: datetime, problems: Problems) -> None:
    """Collect every fault of a new key in `problems`; fields as in ApiKeyInput."""
    if command.actor is not None:
        with problems.under():
            check_name(command.name, "name")
        with problems.under():
            check_stored(command.actor, "actor", longest=NAME_MAX)
    else:
        with problems.under():
            check_stored(command.name, "name", longest=NAME_MAX)
    actor = command.acting_as
    if comparison_key(actor) in RESERVED_ACTORS:
        with problems.under("name" if command.actor is None else "actor"):
            raise Invalid(f"{actor} is a reserved actor; a key must act for another one.")
    for field, scope in (("channels", command.channels), ("locations", command.locations)):
        with problems.under(field):
            if scope is not None and len(scope) > SCOPE_MAX:
                raise LimitExceeded(field, SCOPE_MAX, len(scope))
    if command.refund_limit is not None and command.refund_limit.minor < 0:
        with problems.under("refundLimit", "amount"):
            raise Invalid("An amount must not be negative.")
    if command.expires_at is not None and command.expires_at <= now:
        with problems.under("expiresAt"):
            raise Invalid("The expiry must be in the future.")


def check_minting(command: CreateKey, caller: Caller, problems: Problems) -> None:
    """Collect in `problems` everything by which the new key would exceed its creator.

    Codes outside the caller's scope are not checked here: for this caller they do not exist.
    """
    for field, own, given in (
        ("channels", caller.channels, command.channels),
        ("locations", caller.locations, command.locations),
    ):
        with problems.under(field):
            if own is not None and given is None:
                raise Invalid(f"List the {field}: the creating key is limited to {len(own)}.")
    if caller.refund_limit is not None:
        with problems.under("refundLimit"):
            _check_grant(command, caller, caller.refund_limit)
    minted = holder(command.role, actor=command.name)
    if not (caller.may("keys") and minted.permissions <= caller.permissions):
        with problems.under("role"):
            raise Invalid(f"{caller.actor} may not create a key with the role {command.role}.")


def _check_grant(command: CreateKey, caller: Caller, own: Money) -> None:
    if not holder(command.role, actor=command.name).may("refunds.approve"):
        return
    if command.refund_limit is None:
        raise Invalid(f"A limit is required: the creating key has one of {own}.")
    if not caller.may_grant(command.refund_limit):
        amount = str(to_decimal(command.refund_limit))
        raise GrantExceeded(amount, command.refund_limit.currency, str(to_decimal(own)))


def check_overlap(seconds: int) -> None:
    """Raise LimitExceeded (field `overlapSeconds`) unless 0 ≤ seconds ≤ OVERLAP_MAX."""
    nearest = min(max(seconds, 0), OVERLAP_MAX)
    if seconds != nearest:
        raise LimitExceeded("overlapSeconds", nearest, seconds, field=("overlapSeconds",))


def successor_expiry(
    created_at: datetime, expires_at: datetime | None, now: datetime
) -> datetime | None:
    """Expiry of a rotated key's successor: it gets the original lifetime of the old key."""
    return None if expires_at is None else now + (expires_at - created_at)


def predecessor_expiry(
    expires_at: datetime | None, overlap_seconds: int, now: datetime
) -> datetime:
    """Expiry of the rotated key: after the overlap, but never later than its own expiry."""
    end = now + timedelta(seconds=overlap_seconds)
    return end if expires_at is None else min(end, expires_at)


def state_at(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> str:
    """`live`, `revoked` or `expired`; a key is expired from `expires_at` on."""
    if revoked_at is not None:
        return "revoked"
    return "expired" if expires_at is not None and expires_at <= now else "live"


def key_states(command: CreateKey) -> Mapping[str, object]:
    """The fields of a key that audit entries and events may contain; no secret or hash."""
    limit = command.refund_limit
    return {
        "name": command.name,
        "actor": command.acting_as,
        "role": command.role.value,
        "channels": command.channels,
        "locations": command.locations,
        "refund_limit": None if limit is None else str(limit),
        "expires_at": command.expires_at,
    }
