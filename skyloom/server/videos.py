"""The routes of /v1/videos."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from . import limits, wire
from .app import Body, Calls, Repeat, Served, takes
from .auth import Caller
from .media import FILM, PORTRAIT, PREVIEW, SPRITES, THUMBNAIL
from .records import Job
from .service import Service
from .wire import ApiError, Character, CharacterDeleted, CharacterPage, Deleted, Video, VideoPage

router = APIRouter(prefix="/v1", tags=["videos"])
VARIANTS = {
    "video": (FILM, "video/mp4"),
    "thumbnail": (THUMBNAIL, "image/webp"),
    "spritesheet": (SPRITES, "image/jpeg"),
}
Id = Annotated[str, Path(max_length=200)]
WATCH = 0.2  # seconds between two looks at a job that somebody watches


def _made(service: Service, caller: Caller, job: Job, response: Response) -> dict[str, Any]:
    """A new job, and what its caller has left."""
    response.headers.update(limits.headers(service.settings, service.store, caller.owner, caller.daily))
    return _shown(service, job, response)


def _shown(service: Service, job: Job, response: Response) -> dict[str, Any]:
    video = service.video(job)
    response.headers["openai-poll-after-ms"] = str(service.poll_after(video))
    return video


@router.post("/videos", response_model=Video, openapi_extra=takes(wire.VideoCreate))
def create(service: Served, caller: Calls, body: Body, response: Response, idempotency_key: Repeat = None) -> dict[str, Any]:
    """Put a film into the queue. The answer comes when it is safely there."""
    caller.need("write")
    call = service.read(wire.VideoCreate, body, caller)
    named = {name: value for name in ("video", "to", "like") if isinstance(value := getattr(call, name), wire.ById)}
    sources = {name: service.find(value.id, caller) for name, value in named.items()}
    job = service.orders.create(call, sources, caller, idempotency_key)
    return _made(service, caller, job, response)


@router.post("/videos/edits", response_model=Video, openapi_extra=takes(wire.VideoEdit))
def edit(service: Served, caller: Calls, body: Body, response: Response, idempotency_key: Repeat = None) -> dict[str, Any]:
    """Film a clip again with other words, all of it or where a mask is white."""
    caller.need("write")
    call = service.read(wire.VideoEdit, body, caller)
    job = service.orders.edit(call, _source(service, caller, call.video), caller, idempotency_key)
    return _made(service, caller, job, response)


@router.post("/videos/extensions", response_model=Video, openapi_extra=takes(wire.VideoExtend))
def extend(service: Served, caller: Calls, body: Body, response: Response, idempotency_key: Repeat = None) -> dict[str, Any]:
    """Go on where a clip ends; the new film is the whole."""
    caller.need("write")
    call = service.read(wire.VideoExtend, body, caller)
    job = service.orders.extend(call, _source(service, caller, call.video), caller, idempotency_key)
    return _made(service, caller, job, response)


@router.post("/videos/cuts", response_model=Video, openapi_extra=takes(wire.VideoCut))
def cut(service: Served, caller: Calls, body: Body, response: Response, idempotency_key: Repeat = None) -> dict[str, Any]:
    """Trim and join finished films into a new one; own. No model is asked."""
    caller.need("write")
    call = wire.check(wire.VideoCut, body)
    films = [service.find(piece.id, caller) for piece in call.pieces]
    return _made(service, caller, service.orders.cut(call, films, caller, idempotency_key), response)


@router.post("/videos/{id}/remix", response_model=Video, openapi_extra=takes(wire.VideoRemix))
def remix(
    service: Served, caller: Calls, body: Body, id: Id, response: Response, idempotency_key: Repeat = None
) -> dict[str, Any]:
    """Film a finished film again with other words."""
    caller.need("write")
    call = service.read(wire.VideoRemix, body, caller)
    job = service.orders.remix(service.find(id, caller), call, caller, idempotency_key)
    return _made(service, caller, job, response)


def _source(service: Service, caller: Caller, video: Any) -> Job | None:
    """The film that a call names by id; none where it brings its own."""
    return service.find(video.id, caller) if isinstance(video, wire.ById) else None


@router.post("/videos/characters", response_model=Character, openapi_extra=takes(wire.CharacterCreate))
def create_character(service: Served, caller: Calls, body: Body, idempotency_key: Repeat = None) -> dict[str, Any]:
    """Keep somebody from a clip, a picture or a film, to be named in prompts."""
    caller.need("write")
    call = wire.check(wire.CharacterCreate, body)
    source = _source(service, caller, call.video)
    return service.characters.shown(service.characters.create(call, source, caller, idempotency_key))


@router.get("/videos/characters", response_model=CharacterPage)
def list_characters(service: Served, caller: Calls) -> dict[str, Any]:
    """All characters of this key; own."""
    caller.need("read")
    data = [service.characters.shown(character) for character in service.store.characters(caller.sees)]
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "first_id": ends[0], "last_id": ends[1]}


@router.get("/videos/characters/{id}", response_model=Character)
def get_character(service: Served, caller: Calls, id: Id) -> dict[str, Any]:
    """One of them."""
    caller.need("read")
    return service.characters.shown(service.characters.find(id, caller))


@router.get("/videos/characters/{id}/content", response_class=FileResponse)
def character_content(service: Served, caller: Calls, id: Id) -> FileResponse:
    """Its picture; own."""
    caller.need("read")
    path = service.media.path(service.characters.find(id, caller).id, PORTRAIT)
    if not path.is_file():
        raise ApiError(404, "The picture of this character is gone.", param="id", code="not_found")
    return FileResponse(path, media_type="image/png", content_disposition_type="inline", filename=f"{id}.png")


@router.delete("/videos/characters/{id}", response_model=CharacterDeleted)
def delete_character(service: Served, caller: Calls, id: Id) -> CharacterDeleted:
    """Forget one; films that it is in stay as they are; own."""
    caller.need("write")
    service.characters.delete(service.characters.find(id, caller))
    return CharacterDeleted(id=id)


@router.get("/videos", response_model=VideoPage)
def list_videos(
    service: Served,
    caller: Calls,
    after: Annotated[str | None, Query(max_length=200, description="id of the last film of the page before")] = None,
    limit: Annotated[int, Query(ge=0, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """Films by the time that they were asked for."""
    caller.need("read")
    return service.page(caller, after, limit, order == "desc")


@router.get("/videos/{id}", response_model=Video)
def retrieve(service: Served, caller: Calls, id: Id, response: Response) -> dict[str, Any]:
    """One film and how far it is."""
    caller.need("read")
    return _shown(service, service.find(id, caller), response)


@router.delete("/videos/{id}", response_model=Deleted)
def delete(service: Served, caller: Calls, id: Id) -> Deleted:
    """Remove a film and its files; one that is not done yet is stopped."""
    caller.need("write")
    service.delete(service.find(id, caller))
    return Deleted(id=id)


@router.post("/videos/{id}/cancel", response_model=Video)
def cancel(service: Served, caller: Calls, id: Id, response: Response) -> dict[str, Any]:
    """Stop a film: it is failed, with the code "cancelled". One that is done stays as it is."""
    caller.need("write")
    return _shown(service, service.cancel(service.find(id, caller)), response)


@router.get("/videos/{id}/content", response_class=FileResponse)
@router.head("/videos/{id}/content", include_in_schema=False)
def content(
    service: Served, caller: Calls, id: Id, variant: Literal["video", "thumbnail", "spritesheet", "preview"] = "video"
) -> Response:
    """The film, a picture of it, or a sheet of small ones; parts of it by Range. A preview is of a film that takes shape."""
    caller.need("read")
    job = service.find(id, caller)
    if variant == "preview":
        return _preview(service, job)
    name, mime = VARIANTS[variant]
    path = service.media.path(job.id, name)
    if job.status != "completed" or not path.is_file():
        raise _no_content(job)
    file = f"{job.id}.{name.rpartition('.')[2]}"
    return FileResponse(path, media_type=mime, filename=file, content_disposition_type="inline")


def _preview(service: Service, job: Job) -> Response:
    """The newest preview, read at once, for the next one takes its place; the thumbnail where the film was ready meanwhile."""
    for name in (PREVIEW, THUMBNAIL):
        with contextlib.suppress(FileNotFoundError):
            data = service.media.path(job.id, name).read_bytes()
            return Response(data, media_type="image/webp", headers={"cache-control": "no-store"})
    raise _no_content(job)


def _no_content(job: Job) -> ApiError:
    return ApiError(404, f"The video is {job.status}: it has no content.", param="id", code="video_not_ready")


@router.get("/videos/{id}/events", response_class=StreamingResponse)
async def events(service: Served, caller: Calls, id: Id, request: Request) -> StreamingResponse:
    """Server-sent events `video`: the film each time that something about it changes, until it is done or gone."""
    caller.need("read")
    await run_in_threadpool(service.find, id, caller)
    return StreamingResponse(
        _watch(service, caller, id, request), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _watch(service: Service, caller: Caller, id: str, request: Request) -> AsyncIterator[str]:
    last, quiet = "", 0.0
    while not (service.stopping.is_set() or await request.is_disconnected()):
        try:
            job = await run_in_threadpool(service.find, id, caller)
        except ApiError:
            yield f'event: deleted\ndata: {{"id": "{id}"}}\n\n'
            return
        video = await run_in_threadpool(service.video, job)
        text = json.dumps({name: value for name, value in video.items() if name != "eta_seconds"})
        if text != last:
            last, quiet = text, 0.0
            yield f"event: video\ndata: {json.dumps(video)}\n\n"
        elif quiet > 15:
            quiet = 0.0
            yield ": still here\n\n"  # proxies close streams that say nothing
        if not job.open:
            return
        await asyncio.sleep(WATCH)
        quiet += WATCH
