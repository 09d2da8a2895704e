"""The garbage collector of a process that serves."""

import gc

# Objects that outlive their making before the youngest are looked at; Python's own is 700, which
# a hundred requests under way at once pass with each other's living objects.
YOUNG_MAX = 20_000


def settle() -> None:
    """Call once all is loaded: what lives as long as the process is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, 10, 10)
