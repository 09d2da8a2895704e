"""Collects the faults of one command, so that a client sees all of them at once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from domain.errors import DomainError, LimitExceeded, Path

ERRORS_MAX: Final = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unread:
    """An argument whose value cannot be read: its path, and its fault.

    A stand-in takes the place of the value in the command. Faults at or below this path are about
    the stand-in.
    """

    field: Path
    error: DomainError

    def covers(self, field: Path) -> bool:
        """True if `field` is the path of this argument, or below it."""
        return field[: len(self.field)] == self.field


class Faults(DomainError):
    """Several faults of one input. The client gets the first ERRORS_MAX, each by itself."""

    code = "INVALID"

    def __init__(self, errors: Iterable[DomainError]) -> None:
        self.errors = tuple(errors)[:ERRORS_MAX]
        super().__init__(" ".join(error.message for error in self.errors))

    @property
    def parts(self) -> Sequence[DomainError]:
        """The faults."""
        return self.errors

    def under(self, *prefix: str) -> Self:
        """Prepend `prefix` to the field path of each fault."""
        for error in self.errors:
            error.under(*prefix)
        return self


class _Collector:
    """A block whose domain error is added to `errors`."""

    __slots__ = ("errors", "prefix")

    def __init__(self, errors: list[DomainError], prefix: Path) -> None:
        self.errors = errors
        self.prefix = prefix

    def __enter__(self) -> None:
        """Begin the block."""

    # The optional result tells mypy that code after the block is not reached without an error.
    def __exit__(self, kind: object, error: object, trace: object) -> bool | None:
        """Collect the error; any other exception goes on."""
        if not isinstance(error, DomainError):
            return None
        self.errors.extend(error.under(*self.prefix).parts)
        return True


class Problems:
    """Faults found so far in one command."""

    def __init__(self) -> None:
        self.errors: list[DomainError] = []

    def under(self, *prefix: str) -> "_Collector":
        """Collect a domain error raised in the block, with `prefix` before its field path."""
        return _Collector(self.errors, prefix)

    def attempt(self, make: Callable[[], T]) -> T | None:
        """The value; None if it has a fault, which is collected."""
        try:
            return make()
        except DomainError as error:
            self.errors.extend(error.parts)
            return None

    def each(self, makers: Iterable[Callable[[], T]]) -> list[T]:
        """The values; the faults of all of them are collected."""
        found = []
        for make in makers:
            try:
                found.append(make())
            except DomainError as error:
                self.errors.extend(error.parts)
        return found

    def has(self, *path: str) -> bool:
        """True if a fault at this path or below it was collected."""
        return any(error.field[: len(path)] == path for error in self.errors)

    def refuse_excess(self, *prefix: str) -> None:
        """Refuse if a list is too long, because its entries are looked up next."""
        if any(isinstance(error, LimitExceeded) for error in self.errors):
            self.refuse(*prefix)

    def refuse(self, *prefix: str) -> None:
        """Raise the faults found so far, with `prefix` before their paths; return without one."""
        if len(self.errors) == 1:
            raise self.errors[0].under(*prefix)
        if self.errors:
            raise Faults(self.errors).under(*prefix)
