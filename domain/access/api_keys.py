"""API keys: how they are written, what a new one may be, and who may make it.

A key is `rsk_<prefix>_<secret>`: the prefix (12 hexadecimal digits) finds it and may be shown, the
secret holds 256 random bits. Only the SHA-256 of the whole text is kept.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.access.callers import Caller, Role, holder
from domain.errors import DomainError, GrantExceeded, Invalid, LimitExceeded, Path
from domain.problems import Problems
from domain.values.money import Money, to_decimal
from domain.values.texts import check_name

OVERLAP_MAX: Final = 30 * 24 * 3_600
SCOPE_MAX: Final = 1_000
# An ADMIN key that ends sooner is on its way out and does not count as the one that is left.
LASTING: Final = timedelta(days=1)
BEARER_MAX: Final = 512
# Who acts without being a person or a system outside: no key may speak for them.
RESERVED_ACTORS: Final = frozenset({"system", "anonymous", "policy"})

_KEY: Final = re.compile(r"rsk_([0-9a-f]{12})_[A-Za-z0-9_-]{43,}")


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Make a key. `actor` None: the key's name; channels, locations None: all of them."""

    name: str
    role: Role
    actor: str | None = None
    channels: tuple[str, ...] | None = None
    locations: tuple[str, ...] | None = None
    refund_limit: Money | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RotateKey:
    """Put a new secret in a key's place; the old one works for `overlap_seconds` more."""

    key_id: UUID
    overlap_seconds: int = 0


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """End a key now."""

    key_id: UUID


class LastAdminKey(DomainError):
    """Without this key nobody could make another."""

    code = "ILLEGAL_TRANSITION"

    def __init__(self, *, field: Path = ()) -> None:
        message = "It is the last ADMIN key that reaches everything and lasts another day."
        super().__init__(message, field=field, details={"from": "live", "to": "revoked"})


def key_text(prefix: str, secret: str) -> str:
    """The key as it is shown once."""
    return f"rsk_{prefix}_{secret}"


def prefix_of(bearer: str) -> str | None:
    """The prefix of a key that is written like ours."""
    match = _KEY.fullmatch(bearer)
    return match[1] if match else None


def key_hash(bearer: str) -> str:
    """What is kept of a key; its 256 random bits need no slow hash."""
    return hashlib.sha256(bearer.encode("utf-8", "surrogatepass")).hexdigest()


def check_key(command: CreateKey, now: datetime, problems: Problems) -> None:
    """Put every fault of a new key into `problems`, fields as in ApiKeyInput."""
    with problems.under():
        check_name(command.name, "name")
    if command.actor is not None:
        with problems.under():
            check_name(command.actor, "actor")
    actor = command.actor or command.name
    if actor.strip().casefold() in RESERVED_ACTORS:
        with problems.under("name" if command.actor is None else "actor"):
            raise Invalid(f"No key acts for {actor}.")
    for field, scope in (("channels", command.channels), ("locations", command.locations)):
        with problems.under(field):
            if scope is not None and len(scope) > SCOPE_MAX:
                raise LimitExceeded(field, SCOPE_MAX, len(scope))
    if command.refund_limit is not None and command.refund_limit.minor < 0:
        with problems.under("refundLimit", "amount"):
            raise Invalid("An amount must not be negative.")
    if command.expires_at is not None and command.expires_at <= now:
        with problems.under("expiresAt"):
            raise Invalid("A new key cannot have expired.")


def check_minting(command: CreateKey, caller: Caller, problems: Problems) -> None:
    """Put into `problems` whatever the new key would have and its maker has not.

    Codes beyond the caller's scope are not judged here: they do not exist for it.
    """
    for field, own, given in (
        ("channels", caller.channels, command.channels),
        ("locations", caller.locations, command.locations),
    ):
        with problems.under(field):
            if own is not None and given is None:
                raise Invalid(f"Name the {field}: the key that makes it reaches {len(own)} only.")
    if caller.refund_limit is not None:
        with problems.under("refundLimit"):
            _check_grant(command, caller, caller.refund_limit)
    minted = holder(command.role, actor=command.name)
    if not (caller.may("keys") and minted.permissions <= caller.permissions):
        with problems.under("role"):
            raise Invalid(f"{caller.actor} may not make a key of {command.role}.")


def _check_grant(command: CreateKey, caller: Caller, own: Money) -> None:
    if not holder(command.role, actor=command.name).may("refunds.approve"):
        return
    if command.refund_limit is None:
        raise Invalid(f"Name a limit: the key that makes it has one of {own}.")
    if not caller.may_grant(command.refund_limit):
        amount = str(to_decimal(command.refund_limit))
        raise GrantExceeded(amount, command.refund_limit.currency, str(to_decimal(own)))


def check_overlap(seconds: int) -> None:
    """Raise LimitExceeded (field `overlapSeconds`) unless two secrets may live so long together."""
    nearest = min(max(seconds, 0), OVERLAP_MAX)
    if seconds != nearest:
        raise LimitExceeded("overlapSeconds", nearest, seconds, field=("overlapSeconds",))


def successor_expiry(
    created_at: datetime, expires_at: datetime | None, now: datetime
) -> datetime | None:
    """When a rotated key's successor ends: it lives as long as the key was made for."""
    return None if expires_at is None else now + (expires_at - created_at)


def predecessor_expiry(
    expires_at: datetime | None, overlap_seconds: int, now: datetime
) -> datetime:
    """When a rotated key itself ends: after the overlap, never later than it would have."""
    end = now + timedelta(seconds=overlap_seconds)
    return end if expires_at is None else min(end, expires_at)


def state_at(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> str:
    """`live`, `revoked` or `expired`; a key is over at `expires_at` by the clock."""
    if revoked_at is not None:
        return "revoked"
    return "expired" if expires_at is not None and expires_at <= now else "live"


def key_states(command: CreateKey) -> Mapping[str, object]:
    """What audit and events may say of a key: nothing that opens anything."""
    limit = command.refund_limit
    return {
        "name": command.name,
        "actor": command.actor or command.name,
        "role": command.role.value,
        "channels": command.channels,
        "locations": command.locations,
        "refund_limit": None if limit is None else str(limit),
        "expires_at": command.expires_at,
    }
