"""All open films of a caller on one connection, as server-sent events: the queue drawer of the studio needs no more.

`jobs` comes first: {"videos": [...]}, the open films, and those that ended since the client heard from us last (its
Last-Event-ID). Then `video` for each that changes, `preview` {"id", "image"} with a moving picture of what takes shape (a data:
URL), `deleted` {"id"}. The id of an event is a Unix time.
"""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from .auth import Caller
from .media import PREVIEW
from .service import Service
from .wire import ApiError

TICK = 0.25  # seconds between two looks
PREVIEWS, QUIET = 4, 60  # ticks between two looks at previews, and after which a quiet stream says that it is there
SLACK = 5.0  # seconds by which the clocks of server and workers may differ


class Watch:
    """What one client has been told. Each method returns events and is called in a thread."""

    def __init__(self, service: Service, caller: Caller):
        self.service, self.caller = service, caller
        self.told: dict[str, str] = {}  # open films, as they were told
        self.stamps: dict[str, str] = {}  # of their previews
        self.looked = 0.0  # Unix time of the last look
        self.over: set[str] = set()  # films that had ended by then, of those that ended lately

    def first(self, since: float | None) -> list[str]:
        """The whole state. `since` is when the client last heard from us, as Unix seconds."""
        self.looked = time.time()
        self.over = {video["id"] for video in self.service.ended_since(self.caller, self.looked - SLACK)}
        videos = self.service.open_videos(self.caller)
        if since is not None:
            videos += self.service.ended_since(self.caller, since - SLACK)
        self.told = {video["id"]: _essence(video) for video in videos if _is_open(video)}
        return [event("jobs", {"videos": videos}), *self.previews()]

    def changes(self) -> list[str]:
        """What happened since the last look: films new, changed, done or gone, also those that began and ended since."""
        looked, self.looked = self.looked, time.time()
        open_now = {video["id"]: video for video in self.service.open_videos(self.caller)}
        videos = [video for id, video in open_now.items() if self.told.get(id) != _essence(video)]
        events = []
        for id in self.told.keys() - open_now.keys():
            self.stamps.pop(id, None)
            try:
                videos.append(self.service.video(self.service.find(id, self.caller)))
            except ApiError:
                events.append(event("deleted", {"id": id}))
        ended = {video["id"]: video for video in self.service.ended_since(self.caller, looked - SLACK)}
        videos += [video for id, video in ended.items() if id not in self.told and id not in self.over]
        self.over = set(ended)
        self.told = {id: _essence(video) for id, video in open_now.items()}
        return events + [event("video", video) for video in videos]

    def previews(self) -> list[str]:
        """Films in the making that have another preview than before. It goes along: a moment later it may be gone."""
        events = []
        for id in self.told:
            stamp = self.service.media.stamp(id, PREVIEW)
            if stamp is None or stamp == self.stamps.get(id):
                continue
            with contextlib.suppress(FileNotFoundError):
                data = self.service.media.path(id, PREVIEW).read_bytes()
                events.append(
                    event("preview", {"id": id, "image": f"data:image/webp;base64,{base64.b64encode(data).decode()}"})
                )
                self.stamps[id] = stamp
        return events


async def watch(
    service: Service, caller: Caller, since: float | None, gone: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Events until the client is gone or the server stops."""
    client = Watch(service, caller)
    for text in await run_in_threadpool(client.first, since):
        yield text
    tick = quiet = 0
    while not (service.stopping.is_set() or await gone()):
        await asyncio.sleep(TICK)
        tick, quiet = tick + 1, quiet + 1
        events = await run_in_threadpool(client.changes)
        if tick % PREVIEWS == 0:
            events += await run_in_threadpool(client.previews)
        if not events and quiet >= QUIET:
            events = [": still here\n\n"]  # proxies close streams that say nothing
        for text in events:
            quiet = 0
            yield text


def event(name: str, data: dict[str, Any]) -> str:
    return f"id: {time.time():.3f}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _is_open(video: dict[str, Any]) -> bool:
    return video["status"] in ("queued", "in_progress")


def _essence(video: dict[str, Any]) -> str:
    """A film without what changes by the clock alone."""
    return json.dumps({name: value for name, value in video.items() if name != "eta_seconds"})
