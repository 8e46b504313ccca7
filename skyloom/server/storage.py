"""Where films lie when machines share no folder: under any URL that fsspec knows (s3://bucket/films, gs://..., sftp://...).

The home keeps copies of what was asked for here, and may lose them at any time: the truth is in the storage.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fsspec

from ..base.video import write_whole
from .media import FILM, ID, PREVIEW, STILL, Media
from .settings import Settings

COPY = 3600.0  # seconds after which a copy that nobody asked for goes


def open_media(settings: Settings) -> Media:
    """The films of a server: in its home, or in the setting `storage`. ValueError where that cannot be used."""
    if not settings.storage:
        return Media(settings.root)
    return Stored(settings.root, settings.storage)


class Stored(Media):
    """Files by job id and name in a storage far away; what `path` gives is a copy."""

    def __init__(self, root: Path, url: str):
        super().__init__(root)
        try:
            self.far: Any
            self.far, self.base = fsspec.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise ValueError(f"storage {url.split('@')[-1]!r}: {error}. Wanted a URL such as s3://bucket/films.") from None

    def path(self, id: str, name: str) -> Path:
        """A copy of a file, fetched where it is not here yet; the path of none where the storage has none. OSError else."""
        copy = super().path(id, name)
        if name != PREVIEW:  # a preview changes, nothing else does
            with contextlib.suppress(FileNotFoundError):
                os.utime(copy)  # asked for just now
                return copy
        try:
            data = self.far.cat_file(self._key(id, name))
        except FileNotFoundError:
            copy.unlink(missing_ok=True)
            return copy
        copy.parent.mkdir(exist_ok=True, mode=0o700)
        self.check_space(len(data))
        write_whole(copy, data)
        return copy

    def stamp(self, id: str, name: str) -> str | None:
        """Asked of the storage, which need not send the file for it."""
        try:
            return str(self.far.checksum(self._key(id, name)))
        except FileNotFoundError:
            return None

    def put(self, id: str, name: str, data: bytes) -> Path:
        """Store a file, or raise OSError. Nobody reads it before the row says that it is there, so it need not appear at once.

        No copy stays here: another attempt at the job may store it anew from elsewhere.
        """
        key, copy = self._key(id, name), super().path(id, name)
        copy.unlink(missing_ok=True)
        try:
            self.far.makedirs(self._key(id), exist_ok=True)
            self.far.pipe_file(key, data)
        except BaseException:
            with contextlib.suppress(OSError):
                self._remove([key])
            raise
        if name in (FILM, STILL):
            self._remove([self._key(id, PREVIEW)])
        return copy

    def drop(self, id: str, but: Iterable[str] = ()) -> None:
        kept = set(but)
        names = [key.rpartition("/")[2] for key in self._list(self._key(id))]
        self._remove([self._key(id, name) for name in names if name not in kept])
        if not kept - {""}:
            self._remove([self._key(id)])
        super().drop(id, kept)

    def sweep(self, known: Callable[[list[str]], set[str]], older: float = 600) -> None:
        """Remove what belongs to no job and is older than that, as its id says; and copies that nobody asked for lately."""
        ids = [name for key in self._list(self.base) if ID.fullmatch(name := key.rstrip("/").rpartition("/")[2])]
        old = [id for id in ids if time.time() - _born(id) > older]
        for start in range(0, len(old), 500):
            some = old[start : start + 500]
            for id in set(some) - known(some):
                self.drop(id)
        for folder in self.root.iterdir():
            last = max((file.stat().st_mtime for file in folder.iterdir()), default=0.0)
            if ID.fullmatch(folder.name) and time.time() - last > max(COPY, older):
                shutil.rmtree(folder, ignore_errors=True)

    def _key(self, id: str, name: str = "") -> str:
        folder = f"{self.base}/{self._folder(id).name}"  # checks the id
        return f"{folder}/{name}" if name else folder

    def _list(self, key: str) -> list[str]:
        try:
            return self.far.ls(key, detail=False)
        except FileNotFoundError:
            return []

    def _remove(self, keys: list[str]) -> None:
        for key in keys:
            with contextlib.suppress(FileNotFoundError):
                self.far.rm(key, recursive=True)


def _born(id: str) -> float:
    """Unix seconds at which the server made an id."""
    return int(id.rpartition("_")[2][:13], 16) / 1e6
