"""What the server does, without HTTP: calls become jobs, jobs become answers."""

import dataclasses
import hashlib
import json
import secrets
import time
from typing import Any

from ..base import sizes
from ..config import Config
from . import catalog, making
from .auth import Caller
from .catalog import Catalog
from .jobs import Queue
from .media import Media
from .settings import Settings
from .store import ConflictError, Job, LimitError, Store
from .tables import new_id
from .wire import ApiError, Controls, Video, VideoCreate

DEFAULT_SECONDS, DEFAULT_SIZE = "4", "720x1280"  # of the Videos API
PRIORITY = 50
OPTIONS = ("seed", "steps", "guidance", "negative", "language", "quality")  # of a call that generate() knows by the same name
POLL = (250, 5000)  # milliseconds between two polls, at the least and at the most


class Service:
    """One process's view of the server: database, queue, files, models."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.store = Store(settings.database_url)
        self.queue = Queue(settings, self.store)
        self.media = Media(settings.root)
        self.catalog = Catalog(settings)

    def close(self) -> None:
        self.queue.close()
        self.store.close()

    # making jobs

    def create(self, call: VideoCreate, caller: Caller, idempotency: str | None = None) -> Job:
        """Put a film into the queue. ApiError for what cannot be made; nothing is stored then."""
        for name in ("input_reference", "characters", "loop", "storyboard"):
            if getattr(call, name):
                raise ApiError(
                    400, f"{name!r} is not among the controls of this server's model.", param=name, code="unsupported"
                )
        job = self._job("video", call, call.model, call.size or DEFAULT_SIZE, call.seconds or DEFAULT_SECONDS)
        return self._add(job, call, caller, idempotency)

    def _job(self, kind: str, call: Any, model: str | None, size: str, seconds: str) -> Job:
        """A job for a call, checked as far as it can be without the model's weights."""
        name, config = self._model(model)
        try:
            height, width = catalog.parse_size(size, self.settings.max_pixels)
        except ValueError as error:
            raise ApiError(400, str(error), param="size", code="invalid_value") from None
        native = catalog.native(config, height, width, 0 if kind == "image" else self._seconds(seconds))
        request = {"options": self._options(call, config, name, native), "rate": native.rate}
        shown = native.as_json(config.name)
        request |= {"native": shown}
        size = sizes.size_text(height, width)
        return Job(kind, model or self.catalog.names()[0], call.prompt, size, seconds, request, id=new_id(kind))

    def _model(self, name: str | None) -> tuple[str, Config]:
        try:
            model = self.catalog.resolve(name)
        except ValueError as error:
            raise ApiError(404, str(error), param="model", code="model_not_found") from None
        try:
            return model, self.catalog.config(model)
        except (OSError, ValueError) as error:
            raise ApiError(
                503, f"The model cannot be read: {error}", param="model", code="model_unavailable", wait=60
            ) from None

    def _seconds(self, text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0.05 <= seconds <= self.settings.max_seconds:
            wanted = f"wanted a number from 0.05 to {self.settings.max_seconds:g}, such as '4'"
            raise ApiError(400, f"seconds={text[:20]!r}: {wanted}.", param="seconds", code="invalid_value")
        return seconds

    def _options(self, call: Controls, config: Config, model: str, native: catalog.Native) -> dict[str, Any]:
        wanted = {name: value for name in OPTIONS if (value := getattr(call, name)) is not None}
        if wanted.get("quality") not in ("fast", "good", "best"):
            wanted["quality"] = "good"
        if (steps := wanted.get("steps")) and steps > self.settings.max_steps:
            message = f"steps={steps}: this server takes at most {self.settings.max_steps}."
            raise ApiError(400, message, param="steps", code="invalid_value")
        wanted.setdefault("seed", secrets.randbelow(2**31))
        try:
            return making.options(config, model, native, prompt=call.prompt, **wanted)  # type: ignore[attr-defined]
        except ValueError as error:
            param = "negative" if str(error).startswith("negative") else "prompt"
            raise ApiError(400, str(error), param=param, code="invalid_value") from None

    def _add(self, job: Job, call: Controls, caller: Caller, idempotency: str | None) -> Job:
        if idempotency and len(idempotency) > 255:
            raise ApiError(400, "Idempotency-Key has more than 255 characters.", code="invalid_value")
        priority = PRIORITY if call.priority is None else call.priority
        job = dataclasses.replace(
            job, owner=caller.owner, priority=priority, idempotency=idempotency or None, fingerprint=_fingerprint(call)
        )
        limits = {"waiting": self.settings.max_waiting, "waiting_per_key": self.settings.max_waiting_per_key}
        try:
            return self.store.add(job, self.queue.put, **limits, daily=caller.daily)  # type: ignore[arg-type]
        except LimitError as error:
            raise ApiError(429, str(error), code="rate_limit_exceeded", wait=error.wait) from None
        except ConflictError as error:
            raise ApiError(409, str(error), code="idempotency_conflict") from None

    # looking at jobs

    def find(self, id: str, caller: Caller, kind: str = "video") -> Job:
        """A job that the caller may see. ApiError 404 for all others, the expired too."""
        job = self.store.get(id)
        gone = job is None or job.kind != kind or (job.expires is not None and job.expires < time.time())
        if job is None or gone or caller.sees not in (None, job.owner):
            raise ApiError(404, f"No video with the id {id[:80]!r}.", param="id", code="not_found")
        return job

    def page(self, caller: Caller, after: str | None, limit: int, newest_first: bool) -> dict[str, Any]:
        jobs, more = self.store.page("video", caller.sees, after, limit, newest_first)
        pace = self.store.pace() if any(job.open for job in jobs) else None
        videos = [self.video(job, pace) for job in jobs]
        ends = (videos[0]["id"], videos[-1]["id"]) if videos else (None, None)
        return {"object": "list", "data": videos, "first_id": ends[0], "last_id": ends[1], "has_more": more}

    def video(self, job: Job, pace: float | None = None) -> dict[str, Any]:
        """A job as the Videos API shows it."""
        result, position = job.result or {}, None
        if job.status == "queued":
            position = self.store.position(job)
        whole = lambda time: None if time is None else int(time)  # noqa: E731
        return Video(
            id=job.id,
            model=job.model,
            status=job.status,  # type: ignore[arg-type]
            progress=job.progress,
            created_at=int(job.created),
            completed_at=whole(job.finished) if job.status == "completed" else None,
            expires_at=whole(job.expires),
            prompt=job.prompt,
            size=job.size,
            seconds=job.seconds,
            remixed_from_video_id=job.source,
            error=job.error,
            quality="standard",
            seed=job.request["options"].get("seed"),
            queue_position=position,
            eta_seconds=self._eta(job, position, pace),
            native=job.request["native"],
            notes=result.get("notes", []),
        ).model_dump()

    def _eta(self, job: Job, position: int | None, pace: float | None) -> float | None:
        if not job.open:
            return None
        spent = time.time() - (job.started or time.time())
        if job.status == "in_progress" and job.progress >= 10:
            return round(spent * (100 - job.progress) / job.progress, 1)
        pace = self.store.pace() if pace is None else pace
        if pace is None:
            return None
        ahead = 1 if position is None else position + 1
        return round(max(0.1, pace * ahead / max(1, self.settings.workers) - (spent if position is None else 0)), 1)

    def poll_after(self, video: dict[str, Any]) -> int:
        """Milliseconds after which it is worth to ask again."""
        eta = video["eta_seconds"]
        return int(min(max(250 * eta, POLL[0]), POLL[1])) if eta is not None else 1000

    # ending jobs

    def cancel(self, job: Job) -> Job:
        """Stop an open job; a closed one stays as it is."""
        self.queue.cancel(job)
        return self.store.get(job.id) or job

    def delete(self, job: Job) -> None:
        """Row first, files after: what is listed can always be fetched."""
        self.store.delete(job.id)
        self.media.drop(job.id)

    def tidy(self) -> None:
        """Remove expired films, and files that belong to none."""
        for id in self.store.expired():
            self.store.delete(id)
            self.media.drop(id)
        self.media.sweep(self.store.known)


def _fingerprint(call: Controls) -> str:
    """Of a call, to tell a repeat from another one with the same idempotency key."""
    tree = call.model_dump(exclude_none=True)
    plain = lambda value: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)  # noqa: E731
    return hashlib.sha256(json.dumps([type(call).__name__, tree], sort_keys=True, default=plain).encode()).hexdigest()
