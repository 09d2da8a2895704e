"""Collects the faults of one command, so that a client sees all of them at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Self, TypeVar

from domain.errors import DomainError

ERRORS_MAX: Final = 20

T = TypeVar("T")


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


class Problems:
    """Faults found so far in one command."""

    def __init__(self) -> None:
        self.errors: list[DomainError] = []

    @contextmanager
    def under(self, *prefix: str) -> Iterator[None]:
        """Collect a domain error raised in the block, with `prefix` before its field path."""
        try:
            yield
        except DomainError as error:
            self.errors.extend(error.under(*prefix).parts)

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

    def refuse(self) -> None:
        """Raise the faults found so far; nothing happens without one."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise Faults(self.errors)
