"""Global ids: base64 of "Type:key", by which clients know objects."""

import binascii


def global_id(type_name: str, key: object) -> str:
    """The global id of an object."""
    return binascii.b2a_base64(f"{type_name}:{key}".encode(), newline=False).decode()
