"""A job's request -> the files of its film: the model's own frames, fitted to the wanted size, encoded and signed.

Loading this file does not load torch; the first film does.
"""

import io
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from ..base import video
from ..generate import Film, Request, fingerprint, generate, load_bundle
from . import catalog, cuts
from .media import FILM, PREVIEW, SPRITES, STILL, THUMBNAIL, Media
from .orders import with_files
from .provenance import Source, sources_of
from .records import Job
from .settings import Settings

if TYPE_CHECKING:
    from ..generate.together import Joint

PATHS = ("model", "image", "last", "clip", "to", "mask")  # of a recipe, that are files
SPRITE_FRAMES, SPRITE_SIDE = 16, 240  # of the spritesheet: how many, and pixels of the longer side of each
THUMBNAIL_SIDE = 640
PREVIEWS = 1.0  # seconds between two previews of a film that takes shape
Sign = Callable[[bytes, str, dict[str, Any] | None, Sequence[Source]], bytes]  # data, MIME type, recipe -> signed data
Judge = Callable[[np.ndarray], None]  # frames_THWC; raises ValueError for what may not be shown


@dataclass(frozen=True)
class Show:
    """Takes previews, frames_THWC; none is drawn that is not due."""

    due: Callable[[], bool]
    write: Callable[[np.ndarray], None]

    def __call__(self, frames: np.ndarray) -> None:
        self.write(frames)


class Maker:
    """Makes films with the models that it keeps loaded. One at a time."""

    def __init__(self, settings: Settings, media: Media, sign: Sign | None = None, judge: Judge | None = None):
        self.settings, self.media, self.sign, self.judge = settings, media, sign, judge
        self.stamps: dict[str, Hashable] = {}  # of the models that were loaded

    def bundle(self, model: str) -> Any:
        """The model's weights; loaded anew where its files have changed since."""
        stamp = catalog.stamp_of(model)
        if self.stamps.get(model, stamp) != stamp:
            load_bundle.cache_clear()
        self.stamps[model] = stamp
        return load_bundle(model)  # which keeps the last two

    def warm(self) -> str:
        """Load the default model; returns its fingerprint."""
        return fingerprint(self.bundle(self.settings.model))

    def kin(self, job: Job) -> Hashable:
        """Equal for stills of words alone that are of one model and size and take as many steps; None for all else, and for one
        that a worker ended with: it might take others along."""
        if job.kind != "image" or job.request.get("inputs") or job.attempts:
            return None
        return tuple(job.request["options"].get(name) for name in ("model", "size", "steps", "quality"))

    def make(self, job: Job, on_step: Callable[[int, int], None], joint: "Joint | None" = None) -> dict[str, Any]:
        """Write the job's files; returns what its row keeps. ValueError, MemoryError, OSError have a message to show."""
        self.media.drop(job.id, but=job.request.get("inputs", {}).values() or ("",))  # what an attempt before left
        height, width = sizes_of(job.size)
        self.media.check_space(4 * height * width)
        paths = {option: str(self.media.path(job.id, name)) for option, name in job.request.get("inputs", {}).items()}
        if "pieces" in job.request:
            return self._cut(job, paths, on_step)
        request = Request(**with_files(job.request["options"], paths))
        marks: list[float] = []

        def on_each(done: int, steps: int) -> None:
            marks.append(time.perf_counter())
            on_step(done, steps)

        try:
            bundle = joint.of(self.bundle(request.model)) if joint else self.bundle(request.model)
            film = generate(request, bundle, on_each, self._show(job, request.resolved().steps or 1))
        except ValueError as error:
            raise ValueError(self._without_paths(job, str(error))) from error
        if joint:
            film.recipe["together"] = joint.size  # so many in each call of the model: made alone, some last bits differ
        if self.judge:
            self.judge(film.frames)
        written = self._write(job, film, lambda frame: self._finish(frame, height, width))
        written["seconds_spent"]["step"] = round((marks[-1] - marks[0]) / (len(marks) - 1), 4) if len(marks) > 1 else None
        self.media.path(job.id, PREVIEW).unlink(missing_ok=True)  # whoever asks for it now gets the thumbnail
        return written

    def _show(self, job: Job, steps: int) -> "Show":
        """What generate() gives its previews to: every second or so one is written, for those who watch.

        Of a still whose caller wants partial pictures, these: that many, evenly over the steps.
        """
        wanted, seen = job.request.get("partials", 0), [0, 0]  # steps, and pictures written

        def still_due() -> bool:
            seen[0] += 1
            return seen[1] < wanted and seen[0] * (wanted + 1) >= (seen[1] + 1) * steps

        def on_still(frames: np.ndarray) -> None:
            height, width = sizes_of(job.size)
            shown = picture(self._finish(frames[-1], height, width), "PNG", max(height, width))
            self.media.put(job.id, self.media.partial(job.id, seen[1]).name, shown)
            seen[1] += 1

        if job.kind == "image":
            return Show(still_due, on_still)
        last = [time.monotonic() - PREVIEWS]

        def on_preview(frames: np.ndarray) -> None:
            self.media.put(job.id, PREVIEW, moving(frames))
            last[0] = time.monotonic()

        return Show(lambda: time.monotonic() - last[0] >= PREVIEWS, on_preview)

    def discard(self, id: str) -> None:
        self.media.drop(id)

    def _finish(self, frame: np.ndarray, height: int, width: int) -> np.ndarray:
        fitted = fit(frame, height, width)
        return marked(fitted) if self.settings.mark else fitted

    def _write(self, job: Job, film: Film, finish: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
        began = time.perf_counter()
        recipe = public(film.recipe) if self.settings.metadata else None
        frames = (finish(frame) for frame in film.frames)  # one after another: large frames never lie in memory together
        if job.kind == "image":
            self._put(job, STILL, video.encode(frames, 1, "png", recipe), "image/png", recipe)
        else:
            self.media.put(job.id, THUMBNAIL, picture(finish(film.frames[len(film.frames) // 2]), "WEBP", THUMBNAIL_SIDE))
            self.media.put(job.id, SPRITES, sprites(film.frames, finish))
            self._put(job, FILM, video.encode(frames, job.request["rate"], "mp4", recipe), "video/mp4", recipe)
        spent = {"film": round(film.seconds, 3), "write": round(time.perf_counter() - began, 3)}
        notes = [self._without_paths(job, note) for note in film.notes]
        return {"notes": notes, "seed": film.recipe["seed"], "weights": film.recipe["weights"], "seconds_spent": spent}

    def _cut(self, job: Job, paths: dict[str, str], on_step: Callable[[int, int], None]) -> dict[str, Any]:
        """Pieces of films in a row. Only the frames that the small pictures show lie in memory together."""
        began, (height, width), steps = time.perf_counter(), sizes_of(job.size), cuts.edges(job.request)[-1]
        shown = set(_spread(steps)) | {steps // 2}
        kept: dict[int, np.ndarray] = {}

        def reel() -> Iterator[np.ndarray]:
            for number, frame in enumerate(cuts.frames(job.request, paths)):
                on_step(number, steps)
                fitted = fit(frame, height, width)
                if number in shown:
                    kept[number] = fitted
                yield fitted

        recipe = cuts.recipe_of(job) if self.settings.metadata else None
        data = video.encode(reel(), job.request["rate"], "mp4", recipe)
        on_step(steps, steps)
        middle = kept.get(steps // 2, kept[max(kept)])
        self.media.put(job.id, THUMBNAIL, picture(middle, "WEBP", THUMBNAIL_SIDE))
        self.media.put(job.id, SPRITES, sprites([kept[i] for i in _spread(steps) if i in kept], lambda frame: frame))
        self._put(job, FILM, data, "video/mp4", recipe)
        return {"notes": [], "seconds_spent": {"film": 0.0, "write": round(time.perf_counter() - began, 3)}}

    def _without_paths(self, job: Job, text: str) -> str:
        """A message for whoever asked for the film: files go by their names."""
        return text.replace(f"{self.media.path(job.id, '')}/", "")

    def _put(self, job: Job, name: str, data: bytes, mime: str, recipe: dict[str, Any] | None) -> None:
        self.media.put(job.id, name, self.sign(data, mime, recipe, sources_of(job, self.media)) if self.sign else data)


def public(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe without the paths of this machine: files go by their names."""
    named = {key: Path(value).name if key in PATHS else value for key, value in recipe.items()}
    if inputs := recipe.get("inputs"):
        named["inputs"] = {Path(path).name: about for path, about in inputs.items()}
    if shots := recipe.get("shots"):
        named["shots"] = [{**shot, "image": Path(shot["image"]).name} for shot in shots]
    for pairs in ("images", "cast"):
        if recipe.get(pairs):
            named[pairs] = [(key, Path(path).name) for key, path in recipe[pairs]]
    return named


def sizes_of(text: str) -> tuple[int, int]:
    """'WxH' of a job's row -> (height, width)."""
    width, _, height = text.partition("x")
    return int(height), int(width)


def fit(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """A frame (H, W, 3) scaled to cover the wanted size, the middle kept."""
    if frame.shape[:2] == (height, width):
        return frame
    scale = max(height / frame.shape[0], width / frame.shape[1])
    h, w = height / scale, width / scale  # of the part that stays
    top, left = (frame.shape[0] - h) / 2, (frame.shape[1] - w) / 2
    image = Image.fromarray(frame)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=(left, top, left + w, top + h)))


def marked(frame: np.ndarray) -> np.ndarray:
    """The frame with the word "Skyloom" small in its lower right corner."""
    image = Image.fromarray(frame)
    draw, size = ImageDraw.Draw(image, "RGBA"), max(9, min(frame.shape[:2]) // 24)
    at = (frame.shape[1] - size // 2, frame.shape[0] - size // 2)
    draw.text(at, "Skyloom", fill=(255, 255, 255, 170), font_size=size, anchor="rd", stroke_width=1, stroke_fill=(0, 0, 0, 90))
    return np.asarray(image)


def picture(frame: np.ndarray, format: str, side: int) -> bytes:
    """The bytes of a picture whose longer side has at most `side` pixels."""
    image = Image.fromarray(frame)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format, quality=88)
    return buffer.getvalue()


def moving(frames: np.ndarray) -> bytes:
    """A small WebP that plays the frames, three a second: one for each latent frame."""
    images = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    images[0].save(buffer, "WEBP", save_all=True, append_images=images[1:], duration=333, loop=0, quality=70)
    return buffer.getvalue()


def _spread(count: int) -> list[int]:
    """The numbers of up to SPRITE_FRAMES of that many frames, evenly apart."""
    return np.linspace(0, count - 1, min(count, SPRITE_FRAMES)).round().astype(int).tolist()


def sprites(frames: Sequence[np.ndarray] | np.ndarray, finish: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """A JPEG with up to SPRITE_FRAMES small frames in reading order."""
    tiles = []
    for i in _spread(len(frames)):
        frame = finish(frames[i])
        scale = min(1.0, SPRITE_SIDE / max(frame.shape[:2]))
        tiles.append(fit(frame, *(max(1, round(side * scale)) for side in frame.shape[:2])))
    return picture(video.contact_sheet(tiles, gap=0), "JPEG", 4 * SPRITE_SIDE)
