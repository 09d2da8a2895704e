"""What one noun must do because of another's fact, before the fact commits.

The map is handed to Transactions by whoever composes the program, so that the nouns of this room
never import each other in a circle.
"""

from __future__ import annotations

import workflows.backorders as backorders
from workflows.transactions import Reactions

REACTIONS = Reactions(after_event={}, after_available=(backorders.serve,))
