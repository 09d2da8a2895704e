"""Objects with a global id: base64 of "Type:key", constant for the lifetime of the object."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import strawberry
from strawberry import ID

from domain.errors import NotFound
from domain.values.global_ids import global_id
from schema.context import Context
from schema.fields.unread import stand_in
from schema.loaders import Loaders
from server.projection.contexts import OperationContext
from server.projection.loader import Loader
from server.projection.records import Record, derived

LENGTH_MAX: Final = 256
BIGINT_MAX: Final = 2**63 - 1
NO_OBJECT: Final = UUID(int=0)
# Types with numeric keys, assigned by the database; all others have a UUID.
NUMBERED: Final = frozenset(
    {"Item", "Supplier", "Location", "Channel", "ReasonCode", "StockLevel", "Event"}
)

Key = int | UUID


def _global_id(record: Record) -> str:
    text = f"{type(record).__name__}:{record.row['id']}"
    return binascii.b2a_base64(text.encode(), newline=False).decode()


@strawberry.interface
class Node(Record):
    """An object that `node` can find by its id."""

    id: ID = derived(_global_id, of=("id",))
    """Opaque global id, unique over all types and constant for the lifetime of the object."""


def encode(type_name: str, key: object) -> ID:
    """The global id of an object."""
    return ID(global_id(type_name, key))


def decode(global_id: str) -> tuple[str, Key] | None:
    """The type and key in a global id; None if it is malformed."""
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
    """The key of an object of this type, from text; None if it is malformed."""
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
    """The UUID that an argument names. NotFound at `field` for an id that cannot name one."""
    key = uuid_in(type_name, global_id)
    if key is None:
        missing = NotFound(_in_words(type_name), global_id[:LENGTH_MAX], field=field)
        return stand_in(NO_OBJECT, missing, field)
    return key


N = TypeVar("N", bound=type[Any])


class NodeType(NamedTuple):
    """A type of nodes: its class, the loader of its rows, and its object of a row."""

    node_type: type[Any]
    loader: Callable[[Loaders], Loader[Any, Any]]
    from_row: Callable[[Any, OperationContext], Any]


# By the name of the type, so that types that refer to each other need no import of each other.
NODE_TYPES: Final[dict[str, NodeType]] = {}


def found_by(loader: Callable[[Loaders], Loader[Any, Any]]) -> Callable[[N], N]:
    """Register a type with the loader of its rows."""

    def register(node_type: N) -> N:
        NODE_TYPES[node_type.__name__] = NodeType(node_type, loader, node_type.from_row)
        return node_type

    return register


async def load(context: Context, type_name: str, key: object) -> Any:
    """The object of this type and key; None if there is none that the caller may see."""
    if key is None or type_name not in NODE_TYPES:
        return None
    _, loader, from_row = NODE_TYPES[type_name]
    row = await loader(context.loaders).load(key)
    return None if row is None else from_row(row, context)


def prime(context: Context, type_name: str, key: Key, row: object) -> None:
    """Store a row that is already known for `load`; the caller may see it."""
    NODE_TYPES[type_name].loader(context.loaders).prime(key, row)


async def load_all(context: Context, type_name: str, keys: list[Any]) -> list[Any]:
    """The objects of these keys in their order, without those that the caller may not see."""
    _, loader, from_row = NODE_TYPES[type_name]
    rows = await loader(context.loaders).load_many(keys)
    return [from_row(row, context) for row in rows if row is not None]


def _in_words(type_name: str) -> str:
    """The type name in words: order line for OrderLine."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in type_name).strip()


def subject_of(text: str) -> str:
    """The form `Type:key`, used in audit entries and events, from that form or from a global id."""
    found = decode(text)
    return text if found is None else f"{found[0]}:{found[1]}"
