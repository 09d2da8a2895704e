"""Objects with a global id: base64 of "Type:key", the same for as long as the object lives."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

import strawberry
from strawberry import ID

from domain.errors import NotFound
from schema.context import Context
from schema.loaders import Loader, Loaders
from server.projection.records import Of, Record, derived, edge

LENGTH_MAX: Final = 256
BIGINT_MAX: Final = 2**63 - 1
# Objects whose keys are numbers that the database gives; all others have a UUID.
NUMBERED: Final = frozenset({"Item", "Supplier", "Location", "Channel", "ReasonCode", "StockLevel"})

Key = int | UUID


def _global_id(record: Record) -> str:
    text = f"{type(record).__name__}:{record.row['id']}"
    return binascii.b2a_base64(text.encode(), newline=False).decode()


@strawberry.interface
class Node(Record):
    """Anything that `node` finds again by its id."""

    id: ID = derived(_global_id, of=("id",))
    """Opaque, unique over all types, and the same for as long as the object lives."""


def encode(type_name: str, key: object) -> ID:
    """The global id of an object."""
    return ID(binascii.b2a_base64(f"{type_name}:{key}".encode(), newline=False).decode())


def decode(global_id: str) -> tuple[str, Key] | None:
    """The type and key in a global id; None for a text that is none."""
    if len(global_id) > LENGTH_MAX:
        return None
    try:
        text = base64.b64decode(global_id, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    type_name, _, key = text.partition(":")
    found = key_of(type_name, key)
    return None if found is None or encode(type_name, found) != global_id else (type_name, found)


def key_of(type_name: str, text: str) -> Key | None:
    """The key of an object of this type written as text; None for a text that is none."""
    try:
        if type_name in NUMBERED:
            number = int(text)
            return number if 0 < number <= BIGINT_MAX else None
        return UUID(text)
    except ValueError:
        return None


def key_in(type_name: str, global_id: str) -> Key | None:
    """The key in the global id of an object of this type; None for anything else."""
    found = decode(global_id)
    return found[1] if found is not None and found[0] == type_name else None


def uuid_in(type_name: str, global_id: str) -> UUID | None:
    """The UUID in the global id of an object of this type; None for anything else."""
    key = key_in(type_name, global_id)
    return key if isinstance(key, UUID) else None


def required_uuid(type_name: str, global_id: str, *field: str) -> UUID:
    """The UUID that an argument names. Raises NotFound (at `field`): no such object exists."""
    key = uuid_in(type_name, global_id)
    if key is None:
        raise NotFound(_words(type_name), global_id[:LENGTH_MAX], field=field)
    return key


FromRow = Callable[[Any, Context], Any]
N = TypeVar("N", bound=type[Any])
_FOUND_BY: dict[str, tuple[Callable[[Loaders], Loader[Any, Any]], FromRow]] = {}


def found_by(loader: Callable[[Loaders], Loader[Any, Any]]) -> Callable[[N], N]:
    """Say by which loader objects of a type are found again: `load` needs no import of it."""

    def register(node_type: N) -> N:
        _FOUND_BY[node_type.__name__] = (loader, node_type.from_row)
        return node_type

    return register


def node_edge(type_name: str, key: str, *, name: str | None = None) -> Any:
    """The field that leads to another node as the caller may see it, null where it may not.

    By the name of its type, which may stand further down or in a module that imports this one.
    """

    def by_id(loaders: Loaders) -> Loader[Any, Any]:
        return _FOUND_BY[type_name][0](loaders)

    def value(row: object, _: object, context: Context) -> Any:
        return None if row is None else _FOUND_BY[type_name][1](row, context)

    return edge(by_id, key, Of(value, is_shared=True), name=name)


def node_edges(loader: Callable[[Loaders], Loader[Any, Any]], key: str, type_name: str) -> Any:
    """The field that leads to several nodes, by the name of their type."""

    def value(rows: list[Any] | None, _: object, context: Context) -> Any:
        from_row = _FOUND_BY[type_name][1]
        return [from_row(row, context) for row in rows or ()]

    return edge(loader, key, Of(value, is_shared=True))


async def load(context: Context, type_name: str, key: object) -> Any:
    """The object of this type and key as the caller may see it; None where it does not exist."""
    if key is None or type_name not in _FOUND_BY:
        return None
    loader, from_row = _FOUND_BY[type_name]
    row = await loader(context.loaders).load(key)
    return None if row is None else from_row(row, context)


def prime(context: Context, type_name: str, key: Key, row: object) -> None:
    """Let `load` find a row that is known already, in a scope that the caller has."""
    loader, _ = _FOUND_BY[type_name]
    loader(context.loaders).prime(key, row)


async def load_all(context: Context, type_name: str, keys: list[Any]) -> list[Any]:
    """The objects of these keys in their order; what the caller may not see is left out."""
    loader, from_row = _FOUND_BY[type_name]
    rows = await loader(context.loaders).load_many(keys)
    return [from_row(row, context) for row in rows if row is not None]


def _words(type_name: str) -> str:
    """OrderLine as people write it: order line."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in type_name).strip()


def subject_of(text: str) -> str:
    """A subject as audit rows and events name it, `Type:key`, from that or from a global id."""
    found = decode(text)
    return text if found is None else f"{found[0]}:{found[1]}"
