"""The routes of /v1/images: a still is a film of one frame, made by the same queue; the call waits for it."""

import asyncio
import base64
import contextlib
import functools
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from . import provenance, wire
from .app import Body, Calls, Repeat, Served, takes
from .auth import Caller
from .media import STILL
from .records import Job
from .service import Service
from .wire import ApiError, ImageEdit, ImageGenerate

router = APIRouter(prefix="/v1", tags=["images"])
PATIENCE = 570  # seconds: a little less than the client waits
OTHERS = ("webp", "jpeg")  # formats than that of the still
LOOK = 0.1  # seconds between two looks at the jobs


@router.post("/images/generations", openapi_extra=takes(wire.ImageGenerate))
async def generate(service: Served, caller: Calls, body: Body, request: Request, idempotency_key: Repeat = None) -> Response:
    """Stills of a prompt. They are jobs like films; the answer comes when all are made."""
    caller.need("write")
    call = await run_in_threadpool(service.read, ImageGenerate, body, caller)
    return await _answer(service, caller, call, request, idempotency_key)


@router.post("/images/edits", openapi_extra=takes(wire.ImageEdit))
async def edit(service: Served, caller: Calls, body: Body, request: Request, idempotency_key: Repeat = None) -> Response:
    """A picture again with other words: all of it, or where a mask is transparent or white."""
    caller.need("write")
    call = await run_in_threadpool(service.read, ImageEdit, body, caller)
    return await _answer(service, caller, call, request, idempotency_key)


async def _answer(service: Service, caller: Caller, call: ImageGenerate, request: Request, idempotency: str | None) -> Response:
    jobs = await run_in_threadpool(service.create_images, call, caller, idempotency)
    lasting = _while_wanted(service, () if idempotency else jobs)  # who has such a key may come back for them
    if call.stream:
        return Stream(_stream(service, caller, jobs, call, request), lasting)
    async with lasting:
        done = [await _finished(service, caller, job, request) for job in jobs]
    data = [await run_in_threadpool(_item, service, job, call, request) for job in done]
    return JSONResponse({"created": int(done[0].created), "data": data, **_about(call, done[0])})


class Stream(StreamingResponse):
    """Server-sent events inside a context, which also ends where the caller goes before the first of them."""

    def __init__(self, events: AsyncIterator[str], lasting: contextlib.AbstractAsyncContextManager[None]):
        super().__init__(events, media_type="text/event-stream")
        self.lasting = lasting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.lasting:
            await super().__call__(scope, receive, send)


@contextlib.asynccontextmanager
async def _while_wanted(service: Service, jobs: Iterable[Job]) -> AsyncIterator[None]:
    """Whatever of the jobs is open at the end is cancelled: nobody waits for it any more."""
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):  # also where this task is itself being cancelled
            for job in jobs:
                await run_in_threadpool(service.cancel, job)


@router.get("/images/{id}/content", response_class=FileResponse)
def image_content(service: Served, caller: Calls, id: Annotated[str, Path(max_length=200)]) -> FileResponse:
    """A still that was asked for with response_format=url."""
    caller.need("read")
    job = service.find(id, caller, "image")
    path = service.media.path(job.id, STILL)
    if job.status != "completed" or not path.is_file():
        raise ApiError(404, f"The image is {job.status}: it has no content.", param="id", code="image_not_ready")
    return FileResponse(path, media_type="image/png", content_disposition_type="inline", filename=f"{job.id}.png")


async def _finished(
    service: Service, caller: Caller, job: Job, request: Request, or_else: Callable[[Job], bool] = lambda job: False
) -> Job:
    """Wait until a job is done, or something else is so. ApiError where it fails, lasts too long, or the caller hangs up."""
    deadline = time.monotonic() + PATIENCE
    while job.open and not or_else(job):
        if await request.is_disconnected() or time.monotonic() > deadline:
            raise ApiError(503, "The image was not made in time: the queue is long.", code="timeout", wait=130)
        await asyncio.sleep(LOOK)
        job = await run_in_threadpool(service.find, job.id, caller, "image")
    if job.error:
        status = 400 if job.error["code"] in ("invalid_value", "moderation_blocked", "cancelled") else 500
        raise ApiError(status, job.error["message"], code=job.error["code"])
    return job


def _item(service: Service, job: Job, call: ImageGenerate, request: Request) -> dict[str, Any]:
    if call.response_format == "url":
        return {"url": str(request.url_for("image_content", id=job.id))}
    return {"b64_json": _encoded(service, job, call)}


def _encoded(service: Service, job: Job, call: ImageGenerate) -> str:
    """The file in the wanted format, signed; other formats than png are made for this answer."""
    data = service.media.path(job.id, STILL).read_bytes()
    return base64.b64encode(_in_format(service, job, data, call) if call.output_format in OTHERS else data).decode()


def _in_format(service: Service, job: Job, data: bytes, call: ImageGenerate) -> bytes:
    """A PNG of ours in the wanted format, with a manifest that says the same as that of the still."""
    with Image.open(io.BytesIO(data)) as image:
        recipe = json.loads(image.info.get("Comment", "null"))  # of a picture on its way there is none
        if call.output_format in OTHERS:
            buffer = io.BytesIO()
            quality = 90 if call.output_compression is None else call.output_compression
            image.save(buffer, call.output_format.upper(), quality=quality)
            data = buffer.getvalue()
    sources = provenance.sources_of(job, service.media)
    return service.signed(data, f"image/{call.output_format or 'png'}", recipe, sources)


def _about(call: ImageGenerate, job: Job) -> dict[str, Any]:
    format, quality = call.output_format or "png", call.quality or "auto"
    return {"size": job.size, "output_format": format, "background": "opaque", "quality": quality}


async def _stream(
    service: Service, caller: Caller, jobs: list[Job], call: ImageGenerate, request: Request
) -> AsyncIterator[str]:
    """One completed event a still, in the order that they were asked for, each after its partial pictures."""
    kind = "image_edit" if isinstance(call, ImageEdit) else "image_generation"
    for job in jobs:
        sent = 0
        try:
            while job.open or sent < _ready(service, job, call):
                while sent < _ready(service, job, call):
                    data = await run_in_threadpool(service.media.partial(job.id, sent).read_bytes)
                    shown = await run_in_threadpool(_in_format, service, job, data, call)
                    text = base64.b64encode(shown).decode()
                    yield _event(f"{kind}.partial_image", text, call, job, partial_image_index=sent)
                    sent += 1
                if job.open:
                    job = await _finished(service, caller, job, request, functools.partial(_more, service, call, sent))
            done = await _finished(service, caller, job, request)
            encoded = await run_in_threadpool(_encoded, service, done, call)
        except ApiError as error:
            yield f"event: error\ndata: {json.dumps(error.body())}\n\n"
            return
        for number in range(sent):
            service.media.partial(job.id, number).unlink(missing_ok=True)
        usage: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        usage |= {"input_tokens_details": {"text_tokens": 0, "image_tokens": 0}}
        yield _event(f"{kind}.completed", encoded, call, done, usage=usage)
    yield "data: [DONE]\n\n"


def _more(service: Service, call: ImageGenerate, sent: int, job: Job) -> bool:
    return sent < _ready(service, job, call)


def _ready(service: Service, job: Job, call: ImageGenerate) -> int:
    """How many partial pictures there are."""
    wanted = call.partial_images or 0
    return next((i for i in range(wanted) if not service.media.partial(job.id, i).is_file()), wanted)


def _event(kind: str, encoded: str, call: ImageGenerate, job: Job, **more: Any) -> str:
    event = {"type": kind, "b64_json": encoded, "created_at": int(job.created), **_about(call, job), **more}
    return f"event: {kind}\ndata: {json.dumps(event)}\n\n"
