"""Where films lie: HOME/media/video_.../film.mp4 and what was uploaded for it, one folder a job, gone as a whole.

Ids come from the server alone and are checked again here, so no name from outside ever becomes a path.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ..base.video import write_whole

ID = re.compile(r"(video|image|char)_[0-9a-f]{32}")
FILM, THUMBNAIL, SPRITES, STILL = "film.mp4", "thumbnail.webp", "spritesheet.jpg", "image.png"
PORTRAIT = "portrait.png"  # of a character
PART = "part.png"  # of a character that plays itself: what the picture shows, its ground still there
PREVIEW = "preview.webp"  # moving, of a film that takes shape
RESERVE = 64 * 2**20  # bytes of disk left alone, for the database


class Media:
    """Files by job id and name. The folder may be shared by many machines."""

    def __init__(self, root: Path):
        self.root = root / "media"
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, id: str, name: str) -> Path:
        return self._folder(id) / name

    def stamp(self, id: str, name: str) -> str | None:
        """Something that changes with the file; None where there is none."""
        try:
            return str(self.path(id, name).stat().st_mtime_ns)
        except FileNotFoundError:
            return None

    def partial(self, id: str, number: int) -> Path:
        """A still on its way, counted from 0."""
        return self.path(id, f"partial-{number}.png")

    def put(self, id: str, name: str, data: bytes) -> Path:
        """Write a file whole, or raise OSError. Refuses (ENOSPC) to take the last of the disk."""
        path = self.path(id, name)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        self.check_space(len(data))
        write_whole(path, data)
        return path

    def check_space(self, wanted: int) -> None:
        if shutil.disk_usage(self.root).free < wanted + RESERVE:
            raise OSError(28, "no space left for the film")

    def drop(self, id: str, but: Iterable[str] = ()) -> None:
        """Remove a job's folder, or all in it except the names given."""
        kept = set(but)
        folder = self._folder(id)
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for file in folder.glob("*") if folder.is_dir() else ():
            if file.name not in kept:
                file.unlink(missing_ok=True)
        for file in folder.glob(".*.part"):
            file.unlink(missing_ok=True)

    def sweep(self, known: Callable[[list[str]], set[str]], older: float = 600) -> None:
        """Remove folders that belong to no job and were not touched for `older` seconds."""
        old = [f.name for f in self.root.iterdir() if ID.fullmatch(f.name) and time.time() - f.stat().st_mtime > older]
        for start in range(0, len(old), 500):
            some = old[start : start + 500]
            for id in set(some) - known(some):
                self.drop(id)

    def _folder(self, id: str) -> Path:
        if not ID.fullmatch(id):
            raise ValueError(f"id {id[:80]!r}: not one of this server's.")
        return self.root / id
