"""The caller of a request, from its Authorization header."""

from collections.abc import Callable
from datetime import datetime

from domain.access.callers import Caller, anonymous
from domain.errors import Unauthenticated
from workflows.access.authentication import KeyCache

_SCHEME = "bearer"
UNKNOWN_ADDRESS = "unknown"


class Callers:
    """Finds the caller of a request or a connection.

    `open_channels`: the channels that need no API key.
    """

    def __init__(
        self,
        keys: KeyCache,
        open_channels: frozenset[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._open_channels = open_channels
        self._clock = clock

    async def find(self, authorization: str | None, address: str | None) -> Caller:
        """The caller of the key, or an anonymous caller if there are open channels.

        Raises Unauthenticated. A wrong key is refused, also on open channels.
        """
        if authorization is None:
            if not self._open_channels:
                raise Unauthenticated("Send an API key: Authorization: Bearer KEY.")
            return anonymous(address or UNKNOWN_ADDRESS, self._open_channels)
        scheme, _, key = authorization.strip().partition(" ")
        if scheme.lower() != _SCHEME or not key.strip():
            raise Unauthenticated("The Authorization header must have the form: Bearer KEY.")
        return await self._keys.authenticate(key.strip(), self._clock())
