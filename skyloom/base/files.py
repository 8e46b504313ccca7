"""Files that are whole or not there: written beside their place and renamed into it.

A kill at any moment leaves the old one or the new one. Needs nothing but the standard library.
"""

import os
from pathlib import Path


def write_atomic(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes what writers left beside their files when they were killed; those at work keep theirs."""
    for path in folder.glob(".*"):
        writer = path.name.rpartition(".")[2]
        if writer.isdecimal() and path.is_file() and not _alive(int(writer)):
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":
        return True  # there asking would end it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
