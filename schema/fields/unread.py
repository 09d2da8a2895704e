"""Arguments of a mutation that cannot be read: malformed ids, and amounts that are no money.

The command is made nevertheless, with stand-ins. It is checked like any other, so that the client
sees all faults of its input at once, and refused (`Request.unread`).
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

from domain.errors import DomainError, Path
from domain.problems import Unread

T = TypeVar("T")

_unread: Final[ContextVar[list[Unread] | None]] = ContextVar("unread", default=None)


def read(to_command: Callable[[], T]) -> tuple[T, tuple[Unread, ...]]:
    """The command, and the arguments that could not be read.

    Raises the errors of `to_command` for which there is no stand-in.
    """
    unread: list[Unread] = []
    token = _unread.set(unread)
    try:
        return to_command(), tuple(unread)
    finally:
        _unread.reset(token)


def stand_in(value: T, error: DomainError, argument: Path) -> T:
    """A value for an argument that cannot be read. Raises `error` if no command is being read."""
    unread = _unread.get()
    if unread is None:
        raise error
    unread.append(Unread(argument, error))
    return value
