"""What the studio asks beyond the Videos API, open to everybody: how a prompt is read, what a film says of itself and came
from, the films that fit a search, and a stream of all that are open."""

from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import StreamingResponse

from .. import generate
from ..generate import reading
from ..models.vocabulary import Vocabulary
from ..worlds.expand import expand
from ..worlds.prompt import beginning
from . import catalog, hints, provenance, uploads, wire
from .app import Body, Calls, Served
from .media import FILM
from .service import Service
from .watching import watch
from .wire import ApiError, VideoPage

router = APIRouter(prefix="/v1/skyloom", tags=["studio"])


class PromptRead(wire.Call):
    """A prompt to be read, not filmed; `cast` are the names that the pictures of its film would play under."""

    prompt: wire.LongText
    seed: int = 0  # of the expansion: another one tells it otherwise
    cast: wire.Names | None = None


class PromptReading(wire.Answer):
    """What a film makes of a prompt: the `prompt` in the words that are filmed, words that stay `unknown` with the known one
    that each misspells (or ""), emoji without a word, notes on what is read or drawn otherwise (`instead`), all `notes` that
    the film has on its prompt, and the prompt told in full. What a film fills in by its own seed is not said."""

    prompt: str
    unknown: dict[str, str]
    wordless: list[str]
    instead: list[str]
    notes: list[str]
    expanded: str


class FileRead(wire.Call):
    """A film or picture whose recipe is wanted."""

    video: wire.File


PROMPT_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": PromptRead.model_json_schema()}}}}
FILE_BODY = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FileRead.model_json_schema()}}}}
Id = Annotated[str, Path(max_length=200)]


@router.get("/server")
def server(service: Served, caller: Calls) -> dict[str, Any]:
    """The model's longest film at once (seconds), the limits, the words that it knows, and phrases of them for hints while one
    types: by language, then by what they tell (who, does, where, light, camera)."""
    caller.need("read")
    vocabulary = _vocabulary(service)
    config = service.catalog.config(service.settings.model)
    longest = max(bucket.frames for bucket in config.model.buckets) / config.fps
    return {
        "model": service.catalog.names()[0],
        "fps": config.fps,
        "longest": round(longest, 3),
        "max_seconds": service.settings.max_seconds,
        "words": vocabulary.words,
        "hints": hints.known(lambda phrase: not vocabulary.unknown(phrase)),
    }


@router.post("/prompt", response_model=PromptReading, openapi_extra=PROMPT_BODY)
def read_prompt(service: Served, caller: Calls, body: Body) -> dict[str, Any]:
    """A prompt as a film reads it: its words, notes on what is read otherwise, what stays unknown, and a prompt in full."""
    caller.need("read")
    call = wire.check(PromptRead, body)
    (text, cut), own = beginning(call.prompt, "prompt"), call.cast or []
    limit = service.catalog.config(service.settings.model).text.max_tokens
    try:
        request = generate.Request(text, seed=call.seed)  # the same checks as for a film
        found = reading.read(request.prompt, _vocabulary(service).with_names(own), limit, own=own)
        expanded = expand(found.prompt, request.seed)
    except ValueError as error:
        raise ApiError(400, str(error), param="prompt", code="invalid_value") from None
    return {
        "prompt": found.prompt,
        "unknown": found.unknown,
        "wordless": found.wordless,
        "instead": found.instead,
        "notes": cut + found.notes,
        "expanded": expanded,
    }


@router.get("/videos", response_model=VideoPage)
def find_videos(
    service: Served,
    caller: Calls,
    search: Annotated[str, Query(max_length=200, description="part of the prompt")] = "",
    show: Literal["all", "ready", "remixes", "failed"] = "all",
    after: Annotated[str | None, Query(max_length=200, description="id of the last film of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """Films that fit, the newest first."""
    caller.need("read")
    return service.page(caller, after, limit, True, search, show)


@router.get("/videos/{id}/family", response_model=VideoPage)
def family(service: Served, caller: Calls, id: Id) -> dict[str, Any]:
    """What a film came from, and all that came from that, the oldest first; parents by `remixed_from_video_id`."""
    caller.need("read")
    videos = service.family(service.find(id, caller), caller)
    return {"data": videos, "first_id": videos[0]["id"], "last_id": videos[-1]["id"], "has_more": False}


@router.get("/videos/{id}/recipe")
def recipe(service: Served, caller: Calls, id: Id) -> dict[str, Any]:
    """The recipe inside a finished film, and what its manifest says: signed, intact, by whom."""
    caller.need("read")
    job = service.find(id, caller)
    path = service.media.path(job.id, FILM)
    if job.status != "completed" or not path.is_file():
        raise ApiError(404, f"The video is {job.status}: it has no recipe.", param="id", code="video_not_ready")
    return provenance.about(path, _root(service))


@router.post("/recipe", openapi_extra=FILE_BODY)
def recipe_of(service: Served, caller: Calls, body: Body) -> dict[str, Any]:
    """The same of a film or picture that is sent along: a form with `video`. It is not kept."""
    caller.need("read")
    return uploads.about(wire.check(FileRead, body).video.data, "video", _root(service))


@router.get("/events", response_class=StreamingResponse)
async def events(
    service: Served, caller: Calls, request: Request, last_event_id: Annotated[str | None, Header(max_length=40)] = None
) -> StreamingResponse:
    """Server-sent events of all open films: `jobs` (the whole state, also after a reconnect), `video`, `preview`, `deleted`."""
    caller.need("read")
    stream = watch(service, caller, _seconds(last_event_id), request.is_disconnected)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})


def _seconds(text: str | None) -> float | None:
    """The id of an event as its time; None where it is none of ours."""
    whole, _, part = (text or "").partition(".")
    return float(f"{whole}.{part or 0}") if whole.isdecimal() and (part or "0").isdecimal() else None


def _root(service: Service) -> FilePath:
    return service.settings.root / "signing" / provenance.ROOT


def _vocabulary(service: Service) -> Vocabulary:
    """The default model's words."""
    return Vocabulary.load(catalog.folder_of(service.settings.model) / "vocabulary.json")
