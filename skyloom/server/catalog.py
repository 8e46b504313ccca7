"""The models on offer, read from their config.json alone, and how a wanted file maps to what a model can film.

A file of any size is made from the model's nearest: the trained size of the nearest shape, fitted and scaled.
"""

import functools
import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import sizes
from ..config import Config, from_json
from .settings import Settings

SHIPPED = Path(__file__).parent.parent / "weights"
LONGEST_SIDE = 2048  # pixels of a file's side


@dataclass(frozen=True)
class Native:
    """What the model films for a wanted file, and at which rate the file then plays."""

    height: int
    width: int
    frames: int
    fps: float  # of the model's own time
    rate: float  # frames per second of the file

    @property
    def seconds(self) -> float:
        """Of the model's film; 0 is a still."""
        return 0.0 if self.frames == 1 else self.frames / self.fps

    def as_json(self, model: str) -> dict[str, Any]:
        seconds = round(self.frames / self.fps, 3)
        return {"model": model, "size": sizes.size_text(self.height, self.width), "seconds": seconds, "fps": self.fps}


class Catalog:
    """Models by the names that requests may use."""

    def __init__(self, settings: Settings):
        self.default = settings.model
        self.models = dict.fromkeys((settings.model, *settings.models))
        self.aliases = settings.aliases

    def names(self) -> list[str]:
        """What a request may say, the loaded model first."""
        return [Path(name).name for name in self.models] + [name for name in self.aliases]

    def resolve(self, name: str | None) -> str:
        """The model to load for a request's `model`. ValueError where there is none of that name."""
        if not name or name in self.aliases:
            return self.default
        for model in self.models:
            if name in (model, Path(model).name):
                return model
        raise ValueError(f"model {name[:80]!r}: wanted one of {', '.join(self.names())}.")

    def config(self, model: str) -> Config:
        """The config of a model. FileNotFoundError or ValueError where it cannot be read."""
        folder = folder_of(model)
        return _config(folder, (folder / "config.json").stat().st_mtime_ns)


def folder_of(model: str) -> Path:
    """The folder that holds a model's four files, as skyloom.models.bundle finds it, without loading torch."""
    for folder in (SHIPPED / model, Path(model) / "export", Path(model) / "model" / "export", Path(model)):
        if (folder / "config.json").is_file() and (folder / "dit.safetensors").is_file():
            return folder
    raise FileNotFoundError(f"no model {model!r}: wanted a shipped model's name, or a folder with weights.")


def stamp_of(model: str) -> Hashable:
    """Something that changes with any file of a model, those in other stages of its run too."""
    folder = folder_of(model)
    files = [*folder.iterdir(), *(folder.parent.parent.glob("*/export/*.safetensors") if folder.name == "export" else ())]
    return tuple(sorted((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@functools.lru_cache(maxsize=16)
def _config(folder: Path, _stamp: int) -> Config:
    return from_json((folder / "config.json").read_text(encoding="utf-8"))


def parse_size(text: str, max_pixels: int) -> tuple[int, int]:
    """'1280x720', or a named size -> (height, width) of the file: even sides, at most `max_pixels`. ValueError else."""
    if text in sizes.SIZES:
        return sizes.SIZES[text]
    width, x, height = text.partition("x")
    if not (x and width.isascii() and height.isascii() and width.isdigit() and height.isdigit() and len(text) < 12):
        raise ValueError(f"size {text[:40]!r}: wanted WIDTHxHEIGHT in pixels, such as 1280x720, or {', '.join(sizes.SIZES)}.")
    h, w = int(height), int(width)
    if not (sizes.SHORTEST <= min(h, w) and max(h, w) <= LONGEST_SIDE) or h % 2 or w % 2:
        raise ValueError(f"size {text[:40]!r}: wanted even sides from {sizes.SHORTEST} to {LONGEST_SIDE} pixels.")
    if h * w > max_pixels:
        raise ValueError(f"size {text[:40]!r}: {h * w} pixels are more than this server's {max_pixels}. Try 1280x720.")
    if max(h, w) > 4 * min(h, w):
        raise ValueError(f"size {text[:40]!r}: one side is more than four times the other.")
    return h, w


def native(config: Config, height: int, width: int, seconds: float) -> Native:
    """The model's film for a file of that size and length; 0 seconds is a still."""
    shapes = {(bucket.height, bucket.width) for bucket in config.model.buckets}
    wanted = math.log(height / width)
    h, w = min(shapes, key=lambda shape: (abs(math.log(shape[0] / shape[1]) - wanted), -shape[0] * shape[1]))
    if seconds == 0:
        return Native(h, w, 1, config.fps, config.fps)
    frames = max(1, round(seconds * config.fps))
    return Native(h, w, frames, config.fps, frames / seconds)
