"""Configuration of the C library's allocator for a server process."""

import ctypes
from typing import Final

# mallopt(3). Blocks from this size on are mapped on their own, so the system gets them back when
# they are freed. 128 KiB is glibc's first value, but it raises the value to the largest block that
# was freed. Then bodies of 4 MiB left holes between small blocks: after four attacks with
# unfinished bodies a process kept 155 MiB instead of 108 MiB.
M_MMAP_THRESHOLD: Final = -3
LARGE_BYTES: Final = 128 * 1024


def return_large_blocks() -> None:
    """Fix the size from which blocks go back to the system. Other C libraries have no such size."""
    configure = getattr(ctypes.CDLL(None), "mallopt", None)
    if configure is not None:
        configure(M_MMAP_THRESHOLD, LARGE_BYTES)
