"""Any object by its global id."""

from strawberry import ID

from schema.context import Info
from schema.fields.node import Node, decode, load


async def node(info: Info, id: ID) -> Node | None:
    """Any object by its global id; null if there is none that the caller may see."""
    named = decode(id)
    if named is None or not info.context.caller.may_read_node(named[0]):
        return None
    found: Node | None = await load(info.context, *named)
    return found
