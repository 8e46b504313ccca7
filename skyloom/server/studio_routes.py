"""What the studio asks beyond the Videos API, open to everybody: how a prompt is read, and what a film says of itself."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from ..base.video import read_recipe
from ..generate import Request
from ..worlds.expand import expand
from ..worlds.prompt import emoji_to_words
from . import catalog, provenance, wire
from .app import Body, Calls, Served
from .media import FILM
from .service import Service
from .wire import ApiError

router = APIRouter(prefix="/v1/skyloom", tags=["studio"])


class PromptRead(wire.Call):
    """A prompt to be read, not filmed."""

    prompt: str
    seed: int = 0  # of the expansion: another one tells it otherwise


PROMPT_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": PromptRead.model_json_schema()}}}}


@router.get("/server")
def server(service: Served, caller: Calls) -> dict[str, Any]:
    """The model's longest film at once (seconds), the limits, and the words that it knows, for hints while one types."""
    caller.need("read")
    config = service.catalog.config(service.settings.model)
    longest = max(bucket.frames for bucket in config.model.buckets) / config.fps
    return {
        "model": service.catalog.names()[0],
        "fps": config.fps,
        "longest": round(longest, 3),
        "max_seconds": service.settings.max_seconds,
        "words": _vocabulary(service).words,
    }


@router.post("/prompt", openapi_extra=PROMPT_BODY)
def read_prompt(service: Served, caller: Calls, body: Body) -> dict[str, Any]:
    """A prompt as the model reads it: unknown words with the nearest known ("" where none is), emoji without a word, and the
    prompt told in full."""
    caller.need("read")
    call = wire.check(PromptRead, body)
    try:
        request = Request(call.prompt, seed=call.seed)  # the same checks as for a film
        prompt, wordless = emoji_to_words(request.prompt)
        expanded = expand(prompt, request.seed)
    except ValueError as error:
        raise ApiError(400, str(error), param="prompt", code="invalid_value") from None
    return {"prompt": prompt, "unknown": _vocabulary(service).unknown(prompt), "wordless": wordless, "expanded": expanded}


@router.get("/videos/{id}/recipe")
def recipe(service: Served, caller: Calls, id: Annotated[str, Path(max_length=200)]) -> dict[str, Any]:
    """The recipe inside a finished film, and what its manifest says: signed, intact, by whom."""
    caller.need("read")
    job = service.find(id, caller)
    path = service.media.path(job.id, FILM)
    if job.status != "completed" or not path.is_file():
        raise ApiError(404, f"The video is {job.status}: it has no recipe.", param="id", code="video_not_ready")
    root = service.settings.root / "signing" / provenance.ROOT
    said = provenance.verify(path, root.read_text() if root.is_file() else "")
    try:
        inside: dict[str, Any] | None = read_recipe(path)
    except ValueError:  # the server writes none, where its setting `metadata` says so
        inside = said.get("recipe")
    return {"recipe": inside, "provenance": {name: value for name, value in said.items() if name != "recipe"}}


def _vocabulary(service: Service) -> Any:
    """The default model's words. The first call loads torch, on which the vocabulary's file stands."""
    from ..models.text import Vocabulary

    return Vocabulary.load(catalog.folder_of(service.settings.model) / "vocabulary.json")
