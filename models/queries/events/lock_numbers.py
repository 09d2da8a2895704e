"""Numbers of PostgreSQL advisory locks, in one place so that no two uses share a number.

Idempotency keys use 64-bit numbers from their digests, which equal one of these only by chance.
"""

from __future__ import annotations

from typing import Final

BOOKS: Final = 7_239_401_157
HIERARCHY: Final = 7_239_401_158
