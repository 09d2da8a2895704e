"""Collects the faults of one command, so that a client sees all of them at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import DomainError


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
            self.errors.append(error.under(*prefix))
