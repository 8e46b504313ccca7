"""The wire contract as types: what calls may carry, what answers look like, and errors in the client's shape.

A body is JSON, or a form (forms.py); both come as the same tree, and the models below cast and check it. Field names are those
of the Videos API; ours are marked "own".
"""

import difflib
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import models_json_schema

from ..generate.request import LONGEST_NAME, MOST_CAST
from ..worlds.prompt import LONGEST
from .examples import EXAMPLES

M = TypeVar("M", bound="Call")
PROMPT = 32_000  # characters
LongText = Annotated[str, Field(max_length=PROMPT)]
MOST_PARTS = 100_000  # objects, lists and commas of one JSON text, those in its strings too


class ApiError(Exception):
    """An answer that is no success. `wait` seconds go into Retry-After; `more` are further headers."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        wait: int | None = None,
        more: dict[str, str] | None = None,
    ):
        super().__init__(message)
        self.more = more or {}
        self.status, self.message, self.param, self.code, self.wait = status, message, param, code, wait

    def body(self) -> dict[str, Any]:
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        headers = {} if self.wait is None else {"Retry-After": str(self.wait)}
        return self.more | headers | ({"x-should-retry": "false"} if self.status == 409 else {})


@dataclass(frozen=True)
class Upload:
    """A file that came in a form, not yet looked at. Its name is dropped: it could be anything."""

    data: bytes


File = Annotated[InstanceOf[Upload], WithJsonSchema({"type": "string", "format": "binary"})]


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text. ValueError where it is none, or has more parts than any call needs.

    Parts are counted before anything is made of them: a few bytes each, they would take a hundred times as much memory.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    count = data.count(b"{") + data.count(b"[") + data.count(b",")
    if count > MOST_PARTS:
        raise ValueError(f"has {count} objects, lists and commas: at most {MOST_PARTS} are read")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is not valid JSON") from None


def _structure(value: Any) -> Any:
    """JSON text in place of a list or an object, as forms carry it."""
    return read_json(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else value


def _text(value: Any) -> Any:
    """Numbers where the API has text: seconds=4."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]


class Call(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, protected_namespaces=())

    @field_validator("*")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("holds a NUL character: leave it out")
        return value


class Reference(Call):
    """A picture by URL (https: or data:), or by the id of a still of this server or of a film, whose first frame it then is."""

    image_url: str | None = None
    file_id: str | None = None


class ById(Call):
    id: str


class Cast(ById):
    """A character in a film; the prompt names it."""

    frame: bool | None = Field(
        None, description="own: its picture is the first frame; unless told, where it neither plays nor has a description"
    )


class Card(Call):
    """One card of a storyboard."""

    at: float = Field(ge=0, le=600, description="seconds from the start")
    until: float | None = Field(
        None, gt=0, le=600, description="unless told, the next card's time; between, one becomes the other"
    )
    prompt: str | None = Field(None, max_length=PROMPT)
    image: Reference | None = None
    cut: bool = Field(False, description="begins anew instead of going on from the card before")


class Keyframe(Call):
    """A picture at a time."""

    at: float = Field(ge=0, le=600, description="seconds from the start")
    image: Reference


def _by_id(value: Any) -> Any:
    """A bare id in place of {"id": ...}."""
    value = _structure(value)
    return {"id": value} if isinstance(value, str) else value


Source = Annotated[File | ById, BeforeValidator(_by_id)]
Picture = Annotated[File | Reference, BeforeValidator(_structure)]


class Part(Call):
    """Somebody of one's own in a film."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="as the prompt has it: a noun, or a new name")
    image: Picture = Field(description="one thing on a transparent or plain ground")


Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]], Field(max_length=MOST_CAST)]
Box = Annotated[str, Field(pattern=r"^\s*\d{1,5}\s*(,\s*\d{1,5}\s*){3}$")]


class Controls(Call):
    """Our own controls: extra_body of the client, extra keys or parts of a call."""

    seed: int | None = Field(None, ge=0, le=2**63 - 1, description="own: the same seed gives the same film")
    quality: Literal["fast", "good", "best", "standard"] | None = Field(None, description="own: time against detail")
    steps: int | None = Field(None, ge=1, validation_alias=AliasChoices("steps", "num_inference_steps"), description="own")
    guidance: float | None = Field(
        None,
        ge=0,
        le=30,
        validation_alias=AliasChoices("guidance", "guidance_scale"),
        description="own: how hard the prompt pulls",
    )
    negative: str | None = Field(
        None, max_length=PROMPT, validation_alias=AliasChoices("negative", "negative_prompt"), description="own: what to avoid"
    )
    language: Literal["auto", "en", "zh"] | None = Field(None, description="own")
    expand: bool | None = Field(None, description="own: the prompt is told in full first, by the world's own grammar")
    interval: Annotated[list[float] | None, BeforeValidator(_structure)] = Field(
        None, min_length=2, max_length=2, description="own: two noise levels, 0 to 1, between which the prompt pulls"
    )
    cast: Annotated[list[Part] | None, BeforeValidator(_structure)] = Field(
        None, max_length=MOST_CAST, description="own: pictures of who plays the parts that the prompt, or a card, speaks of"
    )
    priority: int | None = Field(
        None, ge=0, le=100, description="own: a lower one goes first; 50 unless given, less only for admins"
    )
    user: str | None = Field(None, max_length=512, description="taken and not used")
    safety_identifier: str | None = Field(None, max_length=512, description="taken and not used")


class VideoCreate(Controls):
    prompt: str = Field(
        min_length=1, max_length=PROMPT, description=f"of more than {LONGEST} characters the beginning is read; a note says so"
    )
    model: str | None = Field(None, max_length=200)
    seconds: Text | None = Field(None, max_length=12, description='"4", "8", "12", or any number that the server allows')
    size: str | None = Field(None, max_length=20, description="WIDTHxHEIGHT, square, wide or tall")
    input_reference: Annotated[File | Reference | None, BeforeValidator(_structure)] = Field(
        None, description="the first frame: a picture, {image_url} or {file_id}"
    )
    characters: Annotated[list[Cast] | None, BeforeValidator(_structure)] = Field(
        None, max_length=2, description="the prompt names each of them; its description takes the place of the name"
    )
    loop: bool | None = Field(None, description="own: the end meets the start; of a `video`, by a bridge of `seconds`")
    storyboard: Annotated[list[Card] | None, BeforeValidator(_structure)] = Field(
        None, max_length=64, description="own: a prompt, a picture or both at given times"
    )
    last_image: Picture | None = Field(None, description="own: the last frame")
    keyframes: Annotated[list[Keyframe] | None, BeforeValidator(_structure)] = Field(
        None, max_length=16, description="own: pictures at given times"
    )
    video: Source | None = Field(None, description="own: a clip, or the id of a film, of which something is to become")
    to: Source | None = Field(None, description="own: another one that `video` leads to, by a bridge of `seconds`")
    then: str | None = Field(None, max_length=PROMPT, description="own: what `to` shows; unless told, its own prompt")
    curve: str | None = Field(
        None,
        max_length=400,
        description="own: blend with `to`: transition, mix, sample, or SECOND:INFLUENCE, ... such as 0:0, 1:0.5, 2:1",
    )
    outpaint: bool | None = Field(None, description="own: `video` keeps its shape, `size` adds to it")
    strength: float | None = Field(None, ge=0, le=1, description="own: of an edit of `video`: 0 keeps it, 1 makes it anew")
    mask: Picture | None = Field(None, description="own: white, or transparent, is made anew; a picture or a film")
    mask_box: Box | None = Field(None, description="own: the same as a rectangle: x,y,width,height in pixels of `video`")
    like: Annotated[ById | None, BeforeValidator(_by_id)] = Field(
        None, description="own: the film of which this is a variation"
    )
    vary: float | None = Field(None, ge=0, le=1, description="own: how far from it: 0 is the same film, 1 another; else 0.3")


class VideoRemix(Controls):
    prompt: str = Field(min_length=1, max_length=PROMPT)
    strength: float | None = Field(None, ge=0, le=1, description="own: 0 keeps the film, 1 makes it anew")


class VideoEdit(VideoRemix):
    video: Source
    model: str | None = Field(None, max_length=200)
    mask: Picture | None = Field(None, description="own: white, or transparent, is made anew; a picture or a film")
    mask_box: Box | None = Field(None, description="own: the same as a rectangle: x,y,width,height in pixels of the film")


class VideoExtend(Controls):
    prompt: str = Field(min_length=1, max_length=PROMPT)
    video: Source
    seconds: Text = Field(max_length=12, description="of the new part")
    model: str | None = Field(None, max_length=200)
    direction: Literal["forward", "backward", "both"] = Field("forward", description="own: after it, before it, or each")


class Piece(ById):
    """A part of a finished film."""

    start: float = Field(0, ge=0, le=3600, description="seconds")
    end: float | None = Field(None, gt=0, le=3600, description="seconds; unless told, the film's end")


class VideoCut(Call):
    """Own: pieces of finished films, one after another."""

    pieces: Annotated[list[Piece], BeforeValidator(_structure)] = Field(min_length=1, max_length=64)
    size: str | None = Field(None, max_length=20, description="of the whole; unless told, that of the pieces")
    priority: int | None = Field(
        None, ge=0, le=100, description="a lower one goes first; 50 unless given, less only for admins"
    )


class CharacterCreate(Call):
    name: str = Field(min_length=1, max_length=80)
    video: Source = Field(description="a clip or picture, or {id} of a film (own)")
    description: str | None = Field(None, max_length=500, description='own: how it looks, such as "a small red fox"')
    model: str | None = Field(None, max_length=200, description="taken and not used")


class ImageGenerate(Controls):
    prompt: str = Field(min_length=1, max_length=PROMPT)
    model: str | None = Field(None, max_length=200)
    n: int | None = Field(None, ge=1, le=10, description="1 unless given")
    size: str | None = Field(None, max_length=20)
    quality: str | None = Field(None, max_length=20)  # type: ignore[assignment]
    response_format: Literal["b64_json", "url"] | None = None
    output_format: Literal["png", "webp", "jpeg"] | None = None
    output_compression: int | None = Field(None, ge=0, le=100)
    background: Literal["auto", "opaque"] | None = None
    moderation: Literal["low", "auto"] | None = None
    style: Literal["vivid", "natural"] | None = None
    stream: bool | None = None
    partial_images: int | None = Field(None, ge=0, le=3)


class ImageEdit(ImageGenerate):
    image: Annotated[File | list[File] | None, BeforeValidator(_structure)] = Field(None, description="the picture; one")
    images: Annotated[list[Reference] | None, BeforeValidator(_structure)] = Field(None, min_length=1, max_length=16)
    mask: Picture | None = Field(None, description="transparent, or white, is made anew; of the picture's size")
    input_fidelity: Literal["high", "low"] | None = None
    strength: float | None = Field(None, ge=0, le=1, description="own: 0 keeps the picture, 1 makes it anew")


class WebhookCreate(Call):
    name: str = Field(min_length=1, max_length=200)
    url: str = Field(min_length=1, max_length=2000)
    event_types: list[str] = Field(min_length=1, max_length=20)


class WebhookUpdate(Call):
    name: str | None = Field(None, min_length=1, max_length=200)
    url: str | None = Field(None, min_length=1, max_length=2000)
    event_types: list[str] | None = Field(None, min_length=1, max_length=20)


class WebhookRotate(Call):
    keep_old_secret_active_for_24_hours: bool = False


class WebhookTest(Call):
    event_type: str


class Answer(BaseModel):
    """What is answered, as the description of the API has it."""


class Video(BaseModel):
    """A film, made or to be made."""

    model_config = ConfigDict(extra="allow")
    id: str
    object: Literal["video"] = "video"
    model: str
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int
    created_at: int
    completed_at: int | None
    expires_at: int | None
    prompt: str
    size: str
    seconds: str
    remixed_from_video_id: str | None
    error: dict[str, Any] | None
    quality: str
    seed: int | None = Field(description="own")
    queue_position: int | None = Field(description="own: films that go first")
    eta_seconds: float | None = Field(description="own: rough time until it is ready")
    native: dict[str, Any] = Field(description="own: what the model films; the file is fitted and scaled from it")
    notes: list[str] = Field(description="own: unknown words and the like")
    characters: list[str] = Field(description="own: ids of those in it")


class Character(BaseModel):
    """Somebody whom prompts may name."""

    id: str
    name: str
    created_at: int
    description: str = Field(description="own: what the name stands for; empty where only the picture is known")
    plays: bool = Field(description="own: its picture plays its part; else it can only be the first frame")


class CharacterPage(BaseModel):
    object: Literal["list"] = "list"
    data: list[Character]
    first_id: str | None
    last_id: str | None
    has_more: Literal[False] = False


class CharacterDeleted(BaseModel):
    id: str
    object: Literal["character.deleted"] = "character.deleted"
    deleted: Literal[True] = True


class VideoPage(BaseModel):
    object: Literal["list"] = "list"
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(BaseModel):
    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


class ErrorBody(BaseModel):
    """What every answer that is no success looks like."""

    class Detail(BaseModel):
        message: str
        type: str
        param: str | None
        code: str | None

    error: Detail


def check(model: type[M], tree: Any) -> M:
    """A tree of values -> a checked call. ApiError 400 names the first field that does not fit."""
    if not isinstance(tree, dict):
        raise ApiError(400, "The body must be a JSON object or a form.", code="invalid_body")
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    said_of_files = lambda fault: any("Upload" in str(part) for part in fault["loc"])  # noqa: E731
    first = next((fault for fault in found if not said_of_files(fault)), found[0])  # of alternatives, the one that is no file
    path = [str(part) for part in first["loc"] if not str(part).endswith(("Upload]]", "Reference", "ById"))]
    param = ".".join(path) or None
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], model.model_fields, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ApiError(400, f"Unknown parameter: {param!r}.{hint}", param=param, code="unknown_parameter")
    if first["type"] == "missing":
        raise ApiError(400, f"Missing required parameter: {param!r}.", param=param, code="missing_required_parameter")
    said = first["msg"].removeprefix("Value error, ")
    raise ApiError(400, f"Invalid value for {param!r}: {said[:1].lower()}{said[1:]}.", param=param, code="invalid_value")


CALLS: tuple[type[Call], ...] = (
    VideoCreate, VideoRemix, VideoEdit, VideoExtend, VideoCut, CharacterCreate, ImageGenerate, ImageEdit, WebhookCreate,
    WebhookUpdate, WebhookRotate, WebhookTest,
)  # fmt: skip


def schemas() -> dict[str, Any]:
    """The calls as JSON schemas, by name, for the OpenAPI page."""
    _, found = models_json_schema([(call, "validation") for call in CALLS], ref_template="#/components/schemas/{model}")
    for name, examples in EXAMPLES.items():
        found["$defs"][name]["examples"] = examples
    return found["$defs"]
