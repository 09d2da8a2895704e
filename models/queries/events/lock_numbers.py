"""Numbers of advisory locks on PostgreSQL: together, so that no two things share one.

Idempotency keys take numbers of 64 bits from their digests, which meet these by chance only.
"""

from __future__ import annotations

from typing import Final

BOOKS: Final = 7_239_401_157
HIERARCHY: Final = 7_239_401_158
