"""Memory that is no longer used goes back to the system."""

import ctypes
import functools


def free_unused() -> None:
    """Give what the allocator keeps of freed memory back, where it can be told to (glibc's malloc_trim).

    It keeps the holes that tensors of many sizes leave: the process of a long film would hold a tenth more than it needs.
    """
    if (trim := _trim()) is not None:
        trim(0)


@functools.cache
def _trim() -> "ctypes._NamedFuncPointer | None":
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another libc; on Windows there is no main program to look in
        return None
