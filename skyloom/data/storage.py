"""Data sets and footage under any URL that fsspec knows (s3://bucket/set, gs://..., ...), worked on in a copy here.

A data set's copy holds the catalogue and the index; shards come when they are asked for, and never change under a name. A verb
that changes the data set works on the copy as on any folder. Then what is new is sent: shards, page, index, catalogue, last a
mark; and only then go the shards that the index no longer names. So a reader always finds an index whose shards are there, and
a kill costs no more than sending again. Two machines may not write at once: the later one is told so by the mark.

Copies lie in the user's cache, and may be removed at any time when no verb is at work.
"""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from ..base.files import write_atomic
from ..worlds.art import cache_dir

CATALOG, INDEX, REPORT, MARK = "catalog.sqlite", "index.parquet", "report.html", "mark"
ORIGIN = "origin.json"  # in the copy: its URL, and the mark that it was last in step with


def is_url(place: str | Path) -> bool:
    return "://" in str(place)


def copy_of(url: str) -> Path:
    """Where the copy of what lies under a URL is kept; its last part is the URL's."""
    url = url.rstrip("/")
    home = cache_dir() / "copies"
    return home / hashlib.sha256(url.encode()).hexdigest()[:16] / (PurePosixPath(url).name or "root")


@contextlib.contextmanager
def opened(place: str, *, write: bool = False) -> Iterator[Path]:
    """The folder of a data set: itself, or the copy of a URL, brought up to date; with `write` it is sent back after the work.

    FileNotFoundError where there is none to read, ValueError, RuntimeError or OSError where the URL cannot be used.
    """
    if not is_url(place):
        yield Path(place)
        return
    folder = pulled(place, write=write)
    yield folder
    if write:
        _push(place, folder)


def pulled(url: str, *, write: bool = False) -> Path:
    """The copy of a data set, its catalogue and index as they are under the URL."""
    folder = copy_of(url)
    with _storage(url) as (far, base):
        while (mark := _read(far, f"{base}/{MARK}")) != _origin(folder).get("mark"):
            if mark is None and not write:
                break
            for left in (CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", INDEX):
                (folder / left).unlink(missing_ok=True)
            for name in (CATALOG, INDEX):
                _fetch(far, f"{base}/{name}", folder / name)
            if mark is None:  # what was there is gone: begin anew
                shutil.rmtree(folder / "shards", ignore_errors=True)
            if mark == _read(far, f"{base}/{MARK}"):  # nobody wrote meanwhile
                write_atomic(folder / ORIGIN, json.dumps({"url": url, "mark": mark}))
    if mark is None and not write:
        raise FileNotFoundError(f"{url}: no data set there. Make one: skyloom data build FOLDER -o {url}")
    if not (folder / ORIGIN).is_file():
        write_atomic(folder / ORIGIN, json.dumps({"url": url, "mark": None}))
    return folder


def local(folder: Path, name: str) -> Path:
    """A file of a data set, fetched first where the folder is a copy that lacks it; the path of none where there is none."""
    path = folder / name
    if not path.is_file() and (url := _origin(folder).get("url")):
        with _storage(url) as (far, base):
            _fetch(far, f"{base}/{name}", path)
    return path


def footage(url: str) -> Path:
    """A copy of all files under a URL, those fetched that are new or changed, those removed that are gone."""
    folder = copy_of(url)
    with _storage(url) as (far, base):
        found = far.find(base, detail=True)
        if not found:
            raise FileNotFoundError(f"{url}: nothing is there. Wanted a folder with footage in it.")
        kept = set()
        for key, about in sorted(found.items()):
            parts = PurePosixPath(key[len(base) :].lstrip("/")).parts
            path = folder.joinpath(*parts)
            if not parts or ".." in parts or "\0" in key:
                continue  # no name of a file here
            kept.add(path)
            when = _time(about)
            if not path.is_file() or path.stat().st_size != about["size"] or (when and path.stat().st_mtime != when):
                _fetch(far, key, path)
                if when:
                    os.utime(path, (when, when))
    for path in [path for path in folder.rglob("*") if path.is_file() and path not in kept]:
        path.unlink()
    return folder


def _push(url: str, folder: Path) -> None:
    """Sends what is new. RuntimeError where another machine sent something since this copy was in step."""
    from .shards import index_rows

    origin = _origin(folder)
    with _storage(url) as (far, base):
        if _read(far, f"{base}/{MARK}") != origin["mark"]:
            raise RuntimeError(f"{url}: another machine has changed it meanwhile. Run the command again.")
        there = {key: about["size"] for key, about in far.find(f"{base}/shards", detail=True).items()}
        for path in sorted((folder / "shards").glob("*.tar")):
            if there.get(f"{base}/shards/{path.name}") != path.stat().st_size:
                _send(far, path, f"{base}/shards/{path.name}")
        for name in (REPORT, INDEX, CATALOG):
            if (folder / name).is_file():
                _send(far, folder / name, f"{base}/{name}")
        mark = uuid.uuid4().hex
        far.pipe_file(f"{base}/{MARK}", mark.encode())
        write_atomic(folder / ORIGIN, json.dumps(origin | {"mark": mark}))
        named = {f"{base}/shards/{row['shard']}" for row in index_rows(folder)}
        for key in set(there) - named if named else ():
            far.rm_file(key)


@contextlib.contextmanager
def _storage(url: str) -> Iterator[tuple[Any, str]]:
    """The file system and the path in it. What its client raises becomes OSError, or ValueError for a URL of none."""
    import fsspec

    shown = url.rpartition("@")[2]
    try:
        far, base = fsspec.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise RuntimeError(f"{shown}: {error}. For s3:// that is: pip install s3fs") from None
    except ValueError as error:
        raise ValueError(f"{shown}: {error}. Wanted a URL such as s3://bucket/set.") from None
    try:
        yield far, base.rstrip("/")
    except (OSError, ValueError, RuntimeError):
        raise
    except Exception as error:  # of botocore and others, that are no OSError
        raise ConnectionError(f"{shown}: cannot be used ({' '.join(str(error).split())[:200]}).") from error


def _read(far: Any, key: str) -> str | None:
    try:
        return far.cat_file(key).decode()
    except FileNotFoundError:
        return None


def _fetch(far: Any, key: str, path: Path) -> None:
    """Nothing where there is no such key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            far.get_file(key, str(beside))
            os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _send(far: Any, path: Path, key: str) -> None:
    far.makedirs(far._parent(key), exist_ok=True)
    far.put_file(str(path), key)


def _origin(folder: Path) -> dict[str, Any]:
    path = folder / ORIGIN
    return json.loads(path.read_text()) if path.is_file() else {}


def _time(about: dict[str, Any]) -> float | None:
    """Seconds at which a file was changed, where the storage says so."""
    when = next((about[name] for name in ("LastModified", "mtime", "updated", "created") if about.get(name)), None)
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return round(when.timestamp() if isinstance(when, datetime) else float(when)) if when else None
