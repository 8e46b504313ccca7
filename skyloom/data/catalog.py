"""The catalogue of a data set: what every stage found out, in one SQLite file, DATASET/catalog.sqlite.

SQLite, not Parquet, because rows come one by one from many workers and a kill at any moment must cost no more than the row in
flight: each `put` is a transaction in the write-ahead log, readers see whole rows while a build runs, and nothing outside the
standard library is needed. What leaves (the index of the shards) is Parquet, written whole.

A row is (stage, key, mark, value): `key` says what it is about - a file's name, a content hash, a shot - and `mark` what it was
made from: settings, versions, the hash of its input. A stage whose mark still holds is not run again. Values are JSON.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS rows (stage TEXT, key TEXT, mark TEXT, value TEXT, PRIMARY KEY (stage, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (key TEXT, number INTEGER, jpeg BLOB, PRIMARY KEY (key, number)) WITHOUT ROWID;
"""


class Catalog:
    """An open catalogue; a context manager. With `write` it is this process's alone, and the folder is made where missing."""

    def __init__(self, folder: Path, *, write: bool = False):
        path = folder / "catalog.sqlite"
        if write:
            folder.mkdir(parents=True, exist_ok=True)
        elif not path.is_file():
            raise FileNotFoundError(f"{folder}: no data set there. Make one: skyloom data build FOLDER -o {folder}")
        self.folder, self.lock = folder, _claim(folder) if write else None
        try:
            self.db = sqlite3.connect(path, isolation_level=None, timeout=30)
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=NORMAL")
            self.db.executescript(TABLES)
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path}: not a catalogue that can be read ({error}).") from error

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()
        if self.lock is not None:
            self.lock.close()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """All that is put inside is there afterwards, or none of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def put(self, stage: str, key: str, mark: str, value: dict[str, Any]) -> None:
        self.db.execute(
            "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", (stage, key, mark, json.dumps(value, sort_keys=True))
        )

    def get(self, stage: str, key: str, mark: str | None = None) -> dict[str, Any] | None:
        """The value, or None where there is none or it was made from something else than `mark`."""
        row = self.db.execute("SELECT mark, value FROM rows WHERE stage = ? AND key = ?", (stage, key)).fetchone()
        return json.loads(row[1]) if row and mark in (None, row[0]) else None

    def rows(self, stage: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every (key, value) of a stage, in the order of the keys, a few at a time."""
        last = ""
        while True:
            some = self.db.execute(
                "SELECT key, value FROM rows WHERE stage = ? AND key > ? ORDER BY key LIMIT 500", (stage, last)
            ).fetchall()
            yield from ((key, json.loads(value)) for key, value in some)
            if len(some) < 500:
                return
            last = some[-1][0]

    def count(self, stage: str) -> int:
        return self.db.execute("SELECT COUNT(*) FROM rows WHERE stage = ?", (stage,)).fetchone()[0]

    def remove(self, stage: str, key: str) -> None:
        self.db.execute("DELETE FROM rows WHERE stage = ? AND key = ?", (stage, key))

    def put_pictures(self, key: str, jpegs: list[bytes]) -> None:
        self.db.execute("DELETE FROM pictures WHERE key = ?", (key,))
        self.db.executemany("INSERT INTO pictures VALUES (?, ?, ?)", [(key, i, jpeg) for i, jpeg in enumerate(jpegs)])

    def pictures(self, key: str) -> list[bytes]:
        return [row[0] for row in self.db.execute("SELECT jpeg FROM pictures WHERE key = ? ORDER BY number", (key,))]


def mark_of(*parts: object) -> str:
    """A short name of everything that a result depends on; dataclasses print all their fields."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _claim(folder: Path) -> sqlite3.Connection:
    """Holds the folder for this process. The system lets go when the process ends, even by kill -9."""
    lock = sqlite3.connect(folder / "lock.sqlite", isolation_level=None, timeout=0)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        lock.close()
        raise RuntimeError(f"{folder}: another run is at work there. Wait for it, or take another folder.") from None
    return lock
