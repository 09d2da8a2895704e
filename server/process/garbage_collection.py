"""Configuration of the garbage collector for a server process."""

import gc

# Number of new objects that starts a collection of the youngest generation. Python's default is
# 700, which the living objects of a hundred concurrent requests exceed.
YOUNG_MAX = 20_000


def collect_rarely() -> None:
    """Wait for more objects before a collection. Imports make many, and nearly all of them stay."""
    gc.set_threshold(YOUNG_MAX, 10, 10)


def settle() -> None:
    """Exclude all present objects from collection. Call it after start-up."""
    gc.collect()
    gc.freeze()
    collect_rarely()
