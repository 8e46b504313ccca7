"""The rows of the database as the rest of the server sees them."""

import time
from dataclasses import dataclass, field
from typing import Any

OPEN = ("queued", "in_progress")


@dataclass(frozen=True)
class Job:
    """One row of the jobs table; see tables.py for what each column means."""

    kind: str
    model: str
    prompt: str
    size: str
    seconds: str
    request: dict[str, Any]
    owner: str = ""
    source: str | None = None
    priority: int = 0
    idempotency: str | None = None
    fingerprint: str | None = None
    id: str = ""
    status: str = "queued"
    progress: int = 0
    created: float = 0
    started: float | None = None
    finished: float | None = None
    expires: float | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    attempts: int = 0
    worker: str | None = None

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires < time.time()

    @property
    def work(self) -> str:
        """What is to be done: "image", "video", or "cut", for which no model is asked."""
        return "cut" if "pieces" in self.request else self.kind


@dataclass(frozen=True)
class Past:
    """A job that was done, as far as it tells how long the next ones take."""

    work: str  # as Job.work
    seconds: float  # of the film
    spent: float  # seconds from its begin to its end
    waited: float  # seconds before that
    step: float | None  # seconds of one step of the model


Ahead = dict[tuple[str, float], int]  # jobs that go first, counted by kind and seconds of film


@dataclass(frozen=True)
class Key:
    id: str
    name: str
    scopes: list[str]
    daily: int | None = None
    created: float = 0
    revoked: float | None = None


@dataclass(frozen=True)
class Endpoint:
    """Where webhooks go."""

    owner: str
    name: str
    url: str
    events: list[str]
    secrets: list[list[Any]] = field(repr=False)
    id: str = ""
    created: float = 0
    updated: float | None = None


@dataclass(frozen=True)
class Character:
    """Somebody who is named in prompts; the picture lies in the media folder of this id."""

    owner: str
    name: str
    description: str
    id: str = ""
    created: float = 0


class LimitError(Exception):
    """A quota or the queue is full; `wait` says for how many seconds."""

    def __init__(self, message: str, wait: int):
        super().__init__(message)
        self.wait = wait


class ConflictError(Exception):
    """The same idempotency key, another request."""
