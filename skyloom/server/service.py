"""What the server does, without HTTP: its parts put together, and jobs as answers."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from ..base.video import encode, read_video
from . import uploads, wire
from .auth import Caller
from .calls import with_files
from .catalog import Catalog
from .characters import Characters
from .jobs import Queue
from .media import FILM, STILL
from .moderation import Moderator
from .orders import Orders
from .provenance import Signer, Source
from .records import Ahead, Job, Past
from .settings import Settings
from .storage import open_media
from .store import Store
from .webhooks import Webhooks
from .wire import ApiError, ImageEdit, ImageGenerate, M, Upload, Video

POLL = (100, 5000)  # milliseconds between two polls, at the least and at the most


class Service:
    """One process's view of the server: database, queue, files, models."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.stopping = threading.Event()  # streams that never end by themselves look at it
        self.store = Store(settings.database_url)
        self.queue = Queue(settings, self.store)
        self.media = open_media(settings)
        self.catalog = Catalog(settings)
        self.moderator = Moderator(settings)
        self.signer = Signer(settings) if settings.sign else None
        self.webhooks = Webhooks(settings, self.store)
        self.characters = Characters(settings, self.store, self.media, self.moderator)
        self.orders = Orders(settings, self.store, self.queue, self.media, self.catalog, self.moderator, self.characters)

    def close(self) -> None:
        self.queue.close()
        self.store.close()

    def create_images(self, call: ImageGenerate, caller: Caller, idempotency: str | None = None) -> list[Job]:
        if isinstance(call, ImageEdit):
            return self.orders.image_edits(call, caller, idempotency)
        return self.orders.images(call, caller, idempotency)

    def read(self, model: type[M], body: Any, caller: Caller) -> M:
        """A checked call, with the pictures in it that it names by `file_id`. ApiError 400 or 404 says what is wrong."""
        return with_files(wire.check(model, body), lambda id, param: self._picture(id, param, caller))

    def _picture(self, id: str, param: str, caller: Caller) -> Upload:
        """A still of this server, or the first frame of a film."""
        still = id.startswith("image_")
        try:
            job = self.find(id, caller, "image" if still else "video")
        except ApiError as error:
            raise ApiError(400, f"{param!r}: {error}", param=param, code=error.code) from None
        path = self.media.path(job.id, STILL if still else FILM)
        if job.status != "completed" or not path.is_file():
            message = f"{param!r}: {job.id} is {job.status}, only a completed one can be used."
            raise ApiError(400, message, param=param, code="video_not_ready")
        return Upload(path.read_bytes() if still else encode(read_video(path, max_frames=1)[0], 1, "png"))

    def signed(self, data: bytes, mime: str, recipe: dict[str, Any] | None = None, sources: Sequence[Source] = ()) -> bytes:
        """The data of a film or picture with a manifest in it, where this server signs."""
        return self.signer.sign(data, mime, recipe, sources) if self.signer else data

    # looking at jobs

    def find(self, id: str, caller: Caller, kind: str = "video") -> Job:
        """A job that the caller may see. ApiError 404 for all others, the expired too."""
        job = self.store.get(id)
        if job is None or job.kind != kind or job.expired or caller.sees not in (None, job.owner):
            raise ApiError(404, f"No {kind} with the id {id[:80]!r}.", param="id", code="not_found")
        return job

    def page(
        self, caller: Caller, after: str | None, limit: int, newest_first: bool, search: str = "", show: str = "all"
    ) -> dict[str, Any]:
        jobs, more = self.store.page("video", caller.sees, after, limit, newest_first, search, show)
        videos = self.videos(jobs)
        ends = (videos[0]["id"], videos[-1]["id"]) if videos else (None, None)
        return {"object": "list", "data": videos, "first_id": ends[0], "last_id": ends[1], "has_more": more}

    def open_videos(self, caller: Caller) -> list[dict[str, Any]]:
        """The films of a caller that are not done."""
        return self.videos(self.store.open_of("video", caller.sees))

    def ended_since(self, caller: Caller, since: float) -> list[dict[str, Any]]:
        """The films of a caller that were done or failed after that Unix time."""
        return self.videos(self.store.ended_of("video", caller.sees, since))

    def family(self, job: Job, caller: Caller) -> list[dict[str, Any]]:
        """What a film came from and what came from it, the oldest first, as far as the caller may see it."""
        return self.videos([each for each in self.store.family(job) if caller.sees in (None, each.owner)])

    def videos(self, jobs: list[Job]) -> list[dict[str, Any]]:
        """Jobs as the Videos API shows them, with two more questions to the database, however many they are."""
        past = self.store.past() if any(job.open for job in jobs) else []
        waiting = {job.id for job in jobs if job.status == "queued"}
        ahead = self.store.all_ahead(waiting) if waiting else {}
        return [self.video(job, past, ahead.get(job.id, {})) for job in jobs]

    def video(self, job: Job, past: list[Past] | None = None, ahead: Ahead | None = None) -> dict[str, Any]:
        """A job as the Videos API shows it. `past` and `ahead` as the store has them, where they are known already."""
        result = job.result or {}
        if job.status == "queued" and ahead is None:
            ahead = self.store.ahead(job)
        position = sum((ahead or {}).values()) if job.status == "queued" else None
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
            eta_seconds=self._eta(job, past, ahead or {}),
            native=job.request["native"],
            notes=job.request.get("notes", []) + result.get("notes", []),
            characters=job.request.get("characters", []),
        ).model_dump()

    def _eta(self, job: Job, past: list[Past] | None, ahead: Ahead) -> float | None:
        """Seconds until an open job is done, by those of its kind and length that were done before; None where none was."""
        if not job.open:
            return None
        spent = time.time() - (job.started or time.time())
        if job.status == "in_progress" and job.progress >= 10:
            return round(spent * (100 - job.progress) / job.progress, 1)
        past = self.store.past() if past is None else past
        own = pace(past, job.work, float(job.seconds))
        if own is None:
            return None
        first = sum(n * (pace(past, kind, seconds) or own) for (kind, seconds), n in ahead.items())  # a cut counts as a film
        return round(max(0.1, own + first / max(1, self.settings.workers) - spent), 1)

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
        uploads.sweep()


def pace(past: list[Past], work: str, seconds: float) -> float | None:
    """Seconds that such a job takes: as those of about its length did, else in proportion to its length."""
    same = [each for each in past if each.work == work]
    near = [each.spent for each in same if seconds / 1.5 <= each.seconds <= 1.5 * seconds]
    if near:
        return sum(near) / len(near)
    return seconds * sum(each.spent for each in same) / sum(each.seconds for each in same) if same else None
