"""Calls -> jobs: everything that can be checked without the model's weights is checked here, before anything is stored."""

import errno
import hashlib
import logging
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..base import sizes
from ..config import Config
from ..generate import Request
from ..generate.request import influences
from ..generate.takes import check_fit
from ..worlds.prompt import beginning
from . import catalog, cuts, limits, parts, steering, uploads
from .auth import Caller
from .calls import fingerprint
from .catalog import Catalog
from .characters import Characters, Company
from .jobs import Queue
from .media import FILM, PORTRAIT, Media
from .moderation import Moderator
from .records import ConflictError, Job, LimitError
from .settings import Settings
from .steering import Sources
from .store import Store
from .tables import new_id
from .uploads import CLIPS, Facts
from .wire import (
    ApiError,
    Controls,
    ImageEdit,
    ImageGenerate,
    Reference,
    Upload,
    VideoCreate,
    VideoCut,
    VideoEdit,
    VideoExtend,
    VideoRemix,
)  # fmt: skip

log = logging.getLogger("skyloom.server")
DEFAULT_SECONDS, DEFAULT_SIZE, DEFAULT_IMAGE = "4", "720x1280", "1024x1024"  # of the API that this stands in for
PRIORITY = 50  # whoever wants to go before others, by less, needs the scope admin
STRENGTH = 0.6  # of an edit: how much of the film is made anew
OPTIONS = ("seed", "steps", "guidance", "negative", "language", "quality", "interval")  # that generate() knows by the same name


@dataclass
class Order:
    """A job on its way: the fields of its Request, and the files that are stored with it (option -> name, data)."""

    kind: str
    call: Controls
    prompt: str
    model: str | None
    height: int
    width: int
    seconds: float  # of the file
    rate: float  # of the file, frames per second
    shown: dict[str, Any]  # what the answer calls native
    options: dict[str, Any]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    source: str | None = None
    notes: list[str] = field(default_factory=list)  # for people, known before it is filmed
    characters: list[str] = field(default_factory=list)  # ids
    titles: dict[str, str] = field(default_factory=dict)  # option -> the id of the film whose copy it is, or who is played
    partials: int = 0  # pictures to show while a still takes shape
    clip: tuple[int, int] = (0, 0)  # width and height of what is given


class Orders:
    """Takes calls in and puts jobs into the queue."""

    STRENGTH = STRENGTH

    def __init__(
        self,
        settings: Settings,
        store: Store,
        queue: Queue,
        media: Media,
        models: Catalog,
        moderator: Moderator,
        characters: Characters,
    ):
        self.settings, self.store, self.queue, self.media = settings, store, queue, media
        self.catalog, self.moderator, self.characters = models, moderator, characters

    # one for each call

    def create(self, call: VideoCreate, sources: Sources, caller: Caller, idempotency: str | None) -> Job:
        """A film from words, and from what else the call gives; `sources` are the films that it names by id."""
        self._check_alone(call)
        if "like" in sources:
            return self._put(steering.like(self, call, sources["like"]), caller, idempotency)
        company = self.characters.cast(call.characters or [], caller)
        company.check(call.prompt, *(card.prompt or "" for card in call.storyboard or []))
        if call.video:
            order = steering.from_clip(self, call, sources)
        else:
            seconds = self.seconds(call.seconds or DEFAULT_SECONDS)
            order = self._order("video", call, call.prompt, call.model, call.size or DEFAULT_SIZE, seconds)
            order.options |= {"loop": True} if call.loop else {}
        if call.input_reference:
            self.add_picture(order, "image", call.input_reference, "input_reference")
        steering.add_pictures(self, order, call)
        if call.storyboard:
            self._add_shots(order, call, company)
        self._add_company(order, company)
        return self._put(order, caller, idempotency)

    def remix(self, source: Job, call: VideoRemix, caller: Caller, idempotency: str | None) -> Job:
        """A finished film lifted to noise and filmed again with other words."""
        order = self.again(source, call)
        order.options["strength"] = STRENGTH if call.strength is None else call.strength
        return self._put(order, caller, idempotency)

    def edit(self, call: VideoEdit, source: Job | None, caller: Caller, idempotency: str | None) -> Job:
        """The same for a film of one's own, perhaps only where a mask is white."""
        order = self.again(source, call) if source else self.from_upload(call)
        steering.add_mask(self, order, call)
        return self._put(order, caller, idempotency)

    def extend(self, call: VideoExtend, source: Job | None, caller: Caller, idempotency: str | None) -> Job:
        """A film and what happens after it, or before, as one file."""
        new = self.seconds(call.seconds)
        order = self.again(source, call) if source else self.from_upload(call)
        order.options |= {"extend": call.direction, "seconds": new}
        order.seconds += 2 * new if call.direction == "both" else new
        if order.seconds > self.settings.max_extended:
            message = f"The whole would last {order.seconds:g} s: this server makes up to {self.settings.max_extended:g}."
            raise ApiError(400, message, param="seconds", code="invalid_value")
        order.shown["seconds"] = order.seconds
        return self._put(order, caller, idempotency)

    def cut(self, call: VideoCut, films: list[Job], caller: Caller, idempotency: str | None) -> Job:
        """Pieces of finished films, one after another; `films` are theirs, in the same order."""
        for number, film in enumerate(films):
            self.check_done(film, f"pieces.{number}")
        request = cuts.request_of(call, films, self.media, self.settings.max_extended)
        columns = cuts.row(request, films, *self.size(call.size or films[0].size))
        job = self._row("video", call, caller, idempotency, columns)
        return self._store(job, cuts.copies(request, self.media), caller)

    def images(self, call: ImageGenerate, caller: Caller, idempotency: str | None = None) -> list[Job]:
        """n stills with one seed after another."""
        size = DEFAULT_IMAGE if call.size in (None, "auto") else str(call.size)
        return self.put_stills(self._order("image", call, call.prompt, call.model, size, 0), call, caller, idempotency)

    def image_edits(self, call: ImageEdit, caller: Caller, idempotency: str | None = None) -> list[Job]:
        """The same, beginning with a picture."""
        return self.put_stills(steering.still(self, call), call, caller, idempotency)

    def put_stills(self, order: Order, call: ImageGenerate, caller: Caller, idempotency: str | None) -> list[Job]:
        """All n of them, or none."""
        order.partials = call.partial_images or 0 if call.stream else 0
        self._finish(order)
        first, jobs, new = order.options["seed"], [], []
        try:
            for i in range(call.n or 1):
                order.options = order.options | {"seed": (first + i) % 2**63}
                job = self._job(order, caller, _nth(idempotency, i))
                jobs.append(self._store(job, order.files.values(), caller))
                new += [job] if jobs[-1].id == job.id else []  # the others are those of the call that this one repeats
        except ApiError:
            for job in new:
                self.store.delete(job.id)
                self.media.drop(job.id)
            raise
        return jobs

    def still_order(self, call: ImageGenerate, size: str) -> Order:
        """An order for one still."""
        return self._order("image", call, call.prompt, call.model, size, 0)

    # what they are made of

    def _order(self, kind: str, call: Controls, prompt: str, model: str | None, size: str, seconds: float) -> Order:
        """An order for a new film of that size and length."""
        self.moderator.check_prompt(prompt)
        name, config = self.model(model)
        height, width = self.size(size)
        native = catalog.native(config, height, width, seconds)
        options = self._options(call, config, name, prompt)
        options |= {"size": sizes.size_text(native.height, native.width), "fps": config.fps, "seconds": native.seconds}
        shown = native.as_json(config.name)
        order = Order(kind, call, prompt, model, height, width, seconds, native.rate, shown, options)
        parts.add(self, order, call.cast or [])
        return order

    def check_done(self, source: Job, param: str = "video") -> None:
        if source.status != "completed":
            message = f"The video {source.id!r} is {source.status}: only a completed one can be used."
            raise ApiError(400, message, param=param, code="video_not_ready")

    def again(self, source: Job, call: Any) -> Order:
        """An order that begins with a finished film of this server; the film is copied, so that it may be deleted."""
        self.check_done(source)
        data = self.media.path(source.id, FILM).read_bytes()
        seconds = float(source.seconds)
        order = self._order("video", call, call.prompt, source.model, source.size, seconds)
        order.clip = order.width, order.height
        return self._with_clip(order, data, "mp4", seconds, source.id)

    def from_upload(self, call: Any) -> Order:
        assert isinstance(call.video, Upload)
        facts = uploads.examine(call.video.data, CLIPS, "video", self.settings, self.moderator.sees)
        self.moderator.check_pictures(facts.pictures, "video")
        size = self.size_of(facts)
        order = self._order("video", call, call.prompt, call.model, size, facts.seconds)
        order.clip = facts.width, facts.height
        return self._with_clip(order, facts.data, facts.suffix, facts.seconds, None)

    def _with_clip(self, order: Order, data: bytes, suffix: str, seconds: float, source: str | None) -> Order:
        order.files["clip"] = (f"clip.{suffix}", data)
        order.options |= {"size": "auto", "seconds": seconds}
        order.rate = order.options["fps"]
        order.source = source
        order.titles |= {"clip": source} if source else {}
        return order

    def size_of(self, facts: Facts) -> str:
        """The size of an upload, as near as a file of this server may be."""
        scale = min(1.0, (self.settings.max_pixels / (facts.width * facts.height)) ** 0.5)
        scale = min(scale, catalog.LONGEST_SIDE / max(facts.width, facts.height))
        even = lambda side: max(sizes.SHORTEST, int(side * scale) // 2 * 2)  # noqa: E731
        return sizes.size_text(even(facts.height), even(facts.width))

    def add_picture(self, order: Order, option: str, value: Upload | Reference, param: str) -> None:
        facts = uploads.picture_of(value, param, self.settings, wanted=self.moderator.sees)
        self.moderator.check_pictures(facts.pictures, param)
        try:
            check_fit(repr(param), facts.height, facts.width, (order.height, order.width))
        except ValueError as error:
            raise ApiError(400, str(error), param=param, code="invalid_value") from None
        order.files[option] = (f"{option.replace('.', '-')}.{facts.suffix}", facts.data)

    def _add_company(self, order: Order, company: Company) -> None:
        """Descriptions for names, and the first frame, where one is wanted and nothing else decides it."""
        order.characters = [character.id for character in company.characters]
        order.options["prompt"] = company.told(order.prompt)
        parts.add_company(self, order, company)
        if not (first := company.asked or company.alone):
            return
        if taken := next((name for name in ("image", "loop", "shots", "clip") if name in {*order.options, *order.files}), None):
            message = f"The picture of {first.name!r} cannot be the first frame beside {taken!r}"
            if company.asked:
                raise ApiError(400, f"{message}.", param="characters", code="invalid_value")
            order.notes.append(f"{message}: the name is all that the model reads of it.")
            return
        order.files["image"] = ("image.png", self.media.path(first.id, PORTRAIT).read_bytes())

    def _add_shots(self, order: Order, call: VideoCreate, company: Company) -> None:
        """Cards -> shots, each until the next begins."""
        cards = call.storyboard or []
        starts = [card.at for card in cards[1:]] + [max(order.seconds, cards[-1].until or 0)]
        ends = [start if card.until is None else card.until for card, start in zip(cards, starts, strict=True)]
        shots = []
        for i, (card, end) in enumerate(zip(cards, ends, strict=True)):
            text = company.told(card.prompt or call.prompt)
            shots.append({"start": card.at, "end": end, "text": text, "cut": card.cut})
            if card.image:
                self.add_picture(order, f"shots.{i}", card.image, "storyboard")
        if ends[-1] > self.settings.max_seconds:
            message = f"The last card ends at {ends[-1]:g} s: this server films up to {self.settings.max_seconds:g}."
            raise ApiError(400, message, param="storyboard", code="invalid_value")
        order.options["shots"] = shots
        order.seconds = order.shown["seconds"] = ends[-1]

    def _check_alone(self, call: VideoCreate) -> None:
        """ApiError 400 for controls that want another one beside them."""
        for needed, names in {
            "video": ("to", "outpaint", "strength", "mask", "mask_box"),
            "to": ("then", "curve"),
            "like": ("vary",),
        }.items():
            given = next((name for name in names if steering.is_given(getattr(call, name))), None)
            if given and not getattr(call, needed):
                raise ApiError(400, f"{given!r} needs {needed!r} beside it.", param=given, code="missing_required_parameter")
        if call.curve:
            try:
                influences(call.curve)
            except ValueError as error:
                raise ApiError(400, str(error), param="curve", code="invalid_value") from None

    def size(self, text: str) -> tuple[int, int]:
        """(height, width) of a file, or ApiError 400."""
        try:
            return catalog.parse_size(text, self.settings.max_pixels)
        except ValueError as error:
            raise ApiError(400, str(error), param="size", code="invalid_value") from None

    def model(self, name: str | None) -> tuple[str, Config]:
        try:
            model = self.catalog.resolve(name)
        except ValueError as error:
            raise ApiError(404, str(error), param="model", code="model_not_found") from None
        try:
            return model, self.catalog.config(model)
        except (OSError, ValueError) as error:
            message = f"The model cannot be read: {error}"
            raise ApiError(503, message, param="model", code="model_unavailable", wait=60) from None

    def seconds(self, text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0.05 <= seconds <= self.settings.max_seconds:
            wanted = f"wanted a number from 0.05 to {self.settings.max_seconds:g}, such as '4'"
            raise ApiError(400, f"seconds={text[:20]!r}: {wanted}.", param="seconds", code="invalid_value")
        return seconds

    def _options(self, call: Controls, config: Config, model: str, prompt: str) -> dict[str, Any]:
        wanted = {name: value for name in OPTIONS if (value := getattr(call, name)) is not None}
        if wanted.get("quality") not in ("fast", "good", "best"):
            wanted["quality"] = "good"  # the API's own words say nothing here
        if (steps := wanted.get("steps")) and steps > self.settings.max_steps:
            message = f"steps={steps}: this server takes at most {self.settings.max_steps}."
            raise ApiError(400, message, param="steps", code="invalid_value")
        if call.expand:
            wanted["expand"] = "local"
        wanted.setdefault("seed", secrets.randbelow(2**31))
        return {"model": model, "prompt": prompt, **wanted}

    def _put(self, order: Order, caller: Caller, idempotency: str | None) -> Job:
        """Store the files, then the job with its place in the queue."""
        self._finish(order)
        return self._store(self._job(order, caller, idempotency), order.files.values(), caller)

    def _finish(self, order: Order) -> None:
        """Look at everything once more, now that it is as the model will read it."""
        options = order.options
        options["prompt"] = self._read(order, options["prompt"], "prompt")
        if options.get("then"):
            options["then"] = self._read(order, options["then"], "then")
        if options.get("shots"):
            options["shots"] = [shot | {"text": self._read(order, shot["text"], "storyboard")} for shot in options["shots"]]
        if options.get("negative"):
            films_it = options.get("guidance", 2) <= 1  # so little, and it is followed instead of avoided
            options["negative"] = self._read(order, options["negative"], "negative", judged=films_it)
        _check_request(options, {option: name for option, (name, _) in order.files.items()})
        parts.check(self, order)

    def _read(self, order: Order, text: str, param: str, judged: bool = True) -> str:
        """As much of a text as the model reads; ApiError 400 where it may not be filmed. The order's own prompt was judged."""
        if judged and text != order.prompt:
            self.moderator.check_prompt(text, param)
        kept, notes = beginning(text, param)
        order.notes += notes
        return kept

    def _job(self, order: Order, caller: Caller, idempotency: str | None) -> Job:
        said = {name: value for name in ("notes", "characters", "partials", "titles") if (value := getattr(order, name))}
        names = {option: name for option, (name, _) in order.files.items()}
        columns = {
            "model": order.model or self.catalog.names()[0],
            "prompt": order.prompt,
            "size": sizes.size_text(order.height, order.width),
            "seconds": f"{order.seconds:g}",
            "request": {"options": order.options, "inputs": names, "rate": order.rate, "native": order.shown} | said,
            "source": order.source,
        }
        return self._row(order.kind, order.call, caller, idempotency, columns)

    def _row(self, kind: str, call: Controls | VideoCut, caller: Caller, repeat: str | None, columns: dict[str, Any]) -> Job:
        if call.priority is not None and call.priority < PRIORITY and "admin" not in caller.scopes:
            message = (
                f"priority={call.priority}: to go before others needs a key with the scope admin. Wanted {PRIORITY} to 100."
            )
            raise ApiError(403, message, param="priority", code="missing_scope")
        return Job(
            kind=kind,
            owner=caller.owner,
            priority=PRIORITY if call.priority is None else call.priority,
            idempotency=repeat or None,
            fingerprint=fingerprint(call, columns["source"]),
            id=new_id(kind),
            **columns,
        )

    def _store(self, job: Job, files: Iterable[tuple[str, bytes]], caller: Caller) -> Job:
        ceilings = {"waiting": self.settings.max_waiting, "waiting_per_key": self.settings.max_waiting_per_key}
        kept = False
        try:
            for name, data in files:
                self.media.put(job.id, name, data)
            added = self.store.add(job, self.queue.put, **ceilings, daily=caller.daily)  # type: ignore[arg-type]
            kept = added.id == job.id
            log.info("queued" if kept else "repeated", extra={"job": added.id})
            return added
        except LimitError as error:
            left = limits.headers(self.settings, self.store, caller.owner, caller.daily)
            raise ApiError(429, str(error), code="rate_limit_exceeded", wait=error.wait, more=left) from None
        except ConflictError as error:
            raise ApiError(409, str(error), code="idempotency_conflict") from None
        except OSError as error:
            raise ApiError(
                503, f"The files cannot be stored: {os.strerror(error.errno or errno.EIO)}.", code="disk_full", wait=60
            ) from None
        finally:
            if not kept and job.request["inputs"]:
                self.media.drop(job.id)


def _nth(idempotency: str | None, number: int) -> str | None:
    """The idempotency key of one of several jobs of a call: the call's own of the first, and such as no header can hold."""
    return f"{hashlib.sha256(idempotency.encode()).hexdigest()}\n{number}" if idempotency and number else idempotency


def with_files(options: dict[str, Any], paths: dict[str, str]) -> dict[str, Any]:
    """The options with the paths of their files put in; "shots.3" is the picture of the fourth shot, "images.0" and
    "cast.0" the first of theirs."""
    whole = dict(options) | {name: path for name, path in paths.items() if "." not in name}
    shots = [dict(shot) for shot in options.get("shots", ())]
    paired = {name: [list(pair) for pair in options[name]] for name in ("images", "cast") if options.get(name)}
    for name, path in paths.items():
        option, _, number = name.partition(".")
        if option == "shots":
            shots[int(number)]["image"] = path
        elif option in paired:
            paired[option][int(number)][1] = path
    return whole | ({"shots": shots} if shots else {}) | paired


def _check_request(options: dict[str, Any], names: dict[str, str]) -> None:
    """ApiError 400 for what the model's room would refuse."""
    try:
        Request(**with_files(options, names))
    except ValueError as error:
        said = str(error)
        own = {"shot": "storyboard", "image": "input_reference", "last": "last_image", "images": "keyframes"}
        same = ("negative", "seed", "seconds", "size", "interval", "expand", "curve", "loop", "outpaint", "vary", "then")
        param = next((own.get(name, name) for name in (*own, *same, "cast") if said.startswith(name)), "prompt")
        raise ApiError(400, said, param=param, code="invalid_value") from None
