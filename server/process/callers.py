"""The caller of a request, from its Authorization header.

A refused log-in leaves a line in the log and costs a token of its address. An address without
tokens is refused before the database is asked, except with keys that this process knows.
"""

from collections.abc import Callable
from datetime import datetime

import structlog

from domain.access.api_keys import prefix_of
from domain.access.callers import Caller, anonymous
from domain.errors import Unauthenticated
from server.process.wrong_keys import WrongKeys
from server.transports.edge import UNKNOWN_ADDRESS
from workflows.access.authentication import KeyCache

logger = structlog.get_logger(__name__)

_SCHEME = "bearer"


class Callers:
    """Finds the caller of a request or a connection.

    `open_channels`: the channels that need no API key.
    """

    def __init__(
        self,
        keys: KeyCache,
        wrong_keys: WrongKeys,
        open_channels: frozenset[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._wrong_keys = wrong_keys
        self._open_channels = open_channels
        self._clock = clock

    async def find(self, authorization: str | None, address: str | None) -> Caller:
        """The caller of the key, or an anonymous caller if there are open channels.

        Raises Unauthenticated. A wrong key is refused, also on open channels. Raises RequestRefused
        after too many wrong keys from the address.
        """
        address = address or UNKNOWN_ADDRESS
        if authorization is None:
            if not self._open_channels:
                raise Unauthenticated("Send an API key: Authorization: Bearer KEY.")
            return anonymous(address, self._open_channels)
        scheme, _, key = authorization.strip().partition(" ")
        key = key.strip()
        is_bearer = scheme.lower() == _SCHEME
        cached = self._keys.cached(key, self._clock()) if is_bearer else None
        if cached is not None:
            return cached
        if not self._keys.knows(key):
            self._wrong_keys.check(address)
        try:
            if not is_bearer or not key:
                raise Unauthenticated("The Authorization header must have the form: Bearer KEY.")
            return await self._keys.authenticate(key, self._clock())
        except Unauthenticated:
            logger.warning("access.refused", address=address, key_prefix=prefix_of(key))
            self._wrong_keys.charge(address)
            raise
