"""The tables, and the database that holds them: SQLite in one file, or Postgres by URL. The queue's own tables are beside them.

Times are Unix seconds (float). An id is made by the server and begins with its time, so that its order is that of creation.
"""

import secrets
import threading
import time
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

jobs = sa.Table(
    "skyloom_jobs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),  # video or image
    sa.Column("owner", sa.String(64), nullable=False),  # id of the key that asked; "" without keys
    sa.Column("status", sa.String(16), nullable=False),  # queued, in_progress, completed, failed
    sa.Column("progress", sa.Integer, nullable=False, default=0),  # 0..100
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),  # of the last attempt
    sa.Column("finished", sa.Float),
    sa.Column("expires", sa.Float),
    sa.Column("model", sa.String(200), nullable=False),  # as it was asked for
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("size", sa.String(20), nullable=False),  # WxH of the file
    sa.Column("seconds", sa.String(20), nullable=False),  # of the file
    sa.Column("source", sa.String(64)),  # the film that it was made from
    sa.Column("request", sa.JSON, nullable=False),  # everything that the worker needs
    sa.Column("result", sa.JSON),  # native size and length, notes, recipe
    sa.Column("error", sa.JSON),  # {"code", "message"}
    sa.Column("priority", sa.Integer, nullable=False, default=0),  # a lower one goes first
    sa.Column("attempts", sa.Integer, nullable=False, default=0),  # begun so often
    sa.Column("worker", sa.String(64)),  # that has it in hand
    sa.Column("idempotency", sa.String(255)),
    sa.Column("fingerprint", sa.String(64)),  # of the call that carried the idempotency key
    sa.UniqueConstraint("owner", "idempotency"),
    sa.Index("skyloom_jobs_status", "status", "priority", "id"),
    sa.Index("skyloom_jobs_owner", "owner", "created"),
    sa.Index("skyloom_jobs_finished", "finished"),
)

keys = sa.Table(
    "skyloom_keys",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),  # SHA-256: the keys are random, not chosen by people
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("daily", sa.Integer),  # jobs in 24 hours; none is no limit
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("revoked", sa.Float),
)

endpoints = sa.Table(
    "skyloom_webhooks",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.JSON, nullable=False),  # event types that it wants
    sa.Column("secrets", sa.JSON, nullable=False),  # [[secret, valid until or null], ...], the newest first
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float),
)

characters = sa.Table(
    "skyloom_characters",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("description", sa.Text, nullable=False),  # what the name stands for in prompts; may be empty
    sa.Column("created", sa.Float, nullable=False),
)

repeats = sa.Table(  # calls with an idempotency key that made a character
    "skyloom_repeats",
    metadata,
    sa.Column("owner", sa.String(64), primary_key=True),
    sa.Column("idempotency", sa.String(255), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("made", sa.String(64), nullable=False, index=True),  # its id
)

workers = sa.Table(
    "skyloom_workers",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("beat", sa.Float, nullable=False),  # last sign of life
    sa.Column("models", sa.JSON, nullable=False),  # that it has loaded
)


def open_engine(url: str) -> sa.Engine:
    """The engine of a database whose tables are there afterwards. ValueError where the URL is none of ours."""
    if url.startswith("sqlite:///"):
        engine = sa.create_engine(url)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    elif url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        engine = sa.create_engine("postgresql+psycopg://" + url.split("://", 1)[1], pool_pre_ping=True, pool_size=10)
    else:
        raise ValueError(
            f"database {url.split('@')[-1]!r}: wanted postgresql://USER:PASSWORD@HOST/NAME, or nothing for SQLite."
        )
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # of two processes that make the tables, one waits
        else:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7329845)"))
        metadata.create_all(connection)
        for index in jobs.indexes:  # of tables that an older version made
            index.create(connection, checkfirst=True)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"  # a writer takes its lock at once: no deadlock halfway
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA journal_mode=WAL")  # readers never wait for a writer
    connection.execute("PRAGMA synchronous=FULL")  # a committed job survives a power cut


_last = 0
_lock = threading.Lock()


def new_id(kind: str) -> str:
    """'video' -> 'video_' and 32 hex digits: 13 of time in microseconds, never twice in a process, and 19 of chance."""
    global _last
    with _lock:
        _last = max(_last + 1, time.time_ns() // 1000)
        return f"{kind}_{_last:013x}{secrets.token_hex(10)[:19]}"
