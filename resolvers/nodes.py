"""Any object by its global id."""

import asyncio
from typing import Annotated, Final

from strawberry import ID, argument

from domain.errors import BadRequest
from schema.context import Info
from schema.fields.node import Node, decode, load
from server.projection.list_sizes import sized

NODES_MAX: Final = 250


async def node(info: Info, id: ID) -> Node | None:
    """Any object by its global id; null if there is none that the caller may see."""
    named = decode(id)
    if named is None or not info.context.caller.may_read_node(named[0]):
        return None
    found: Node | None = await load(info.context, *named)
    return found


@sized(by="ids")
async def nodes(
    info: Info,
    ids: Annotated[list[ID], argument(description="At most 250 global ids.")],
) -> list[Node | None]:
    """Objects by their global ids, in the order of `ids`.

    Null for each id of which there is no object that the caller may see.
    """
    if len(ids) > NODES_MAX:
        raise BadRequest(f"At most {NODES_MAX} ids are allowed; {len(ids):,} were sent.")
    return list(await asyncio.gather(*(node(info, each) for each in ids)))
