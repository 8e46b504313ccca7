"""Request -> Script: what is filmed, piece by piece, and what is given of it. Every control is a pattern of noise levels.

A script is a list of parts: frames that stay as they are, and takes, which the model films. A take says for every frame, or
every pixel, how unknown it is: 0 given, 1 unknown, between (an edit, a blend) known about. Nothing here loads torch.
Dimension key: P prompts, F frames of a take (1 + 4 k), H W pixels of the canvas, which are multiples of the model's block.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..base import clips, sizes
from ..base.sizes import Ruler
from ..base.video import read_recipe
from ..config import VAEConfig
from .request import Request

CHUNK = VAEConfig.time_stride  # frames of a latent frame, after the first, which stands alone
MOST_SECONDS = 120  # of a clip that is given
TRAINED = 448, 256  # the longer and the shorter side of what is given, at most
CHAIN_BYTES = 20_000  # of the recipes inside a recipe
LEAST_SHOWN = 0.2  # of a given picture: one that the film's shape would cut down further does not fit it


@dataclass(frozen=True)
class Take:
    """One continuous piece to film."""

    prompts: tuple[str, ...]
    weights: np.ndarray  # P F: how much each prompt counts in each frame; columns sum to 1
    levels: np.ndarray  # F 1 1 or F H W, float 0..1
    keep: tuple[int, int]  # frames [from, to) that go into the film
    given: np.ndarray | None = None  # frames_FHWC uint8, needed where a level is below 1
    paste: np.ndarray | None = None  # F 1 1 1 or F H W 1, 0..1: where the film shows `given` itself and not what was drawn
    leads: int = 0  # frames at its end that are given by what follows it, which is filmed first
    ring: bool = False  # ends where it begins; its first frame is not shown
    was: str = ""  # of an edit or inpainting: the prompt of what is given, empty where nobody knows
    room: tuple[float, ...] = ()  # top, left, bottom, right of a region, 0..1, where somebody who is not given may come in
    steady: bool = True  # whether what stands still is drawn once (models/steady); not where one picture becomes another
    relit: float = 0.0  # how much of what the prompts differ by is taken over at once, 0..1

    @property
    def frames(self) -> int:
        return len(self.levels)

    def prompts_at_once(self, window: int) -> int:
        """The most prompts that count within `window` latent frames."""
        if len(self.prompts) == 1:
            return 1
        active, reach = self.weights > 0, 1 + (window - 1) * CHUNK
        return max(int(active[:, at : at + reach].any(1).sum()) for at in range(0, self.frames, CHUNK))


@dataclass(frozen=True)
class Script:
    """The parts of a film in order, and the canvas (height, width) on which its takes are filmed."""

    parts: tuple["np.ndarray | Take", ...]
    height: int
    width: int
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)  # the files used: their digest, and recipe if they have one
    notes: tuple[str, ...] = ()

    @property
    def takes(self) -> list[Take]:
        return [part for part in self.parts if isinstance(part, Take)]

    @property
    def frames(self) -> int:
        """Of the finished film."""
        return sum(part.keep[1] - part.keep[0] - part.leads if isinstance(part, Take) else len(part) for part in self.parts)

    @property
    def given_bytes(self) -> int:
        held = [part.given if isinstance(part, Take) else part for part in self.parts]
        return sum(frames.nbytes for frames in held if frames is not None)


def latents_of(frames: int) -> int:
    """Latent frames that hold so many frames."""
    return 1 + -(-(frames - 1) // CHUNK)


def settle(request: Request) -> Request:
    """The same with size and prompts taken from the given files, where the request leaves them open.

    OSError or ValueError with a message to show where a file cannot be used.
    """
    files = [request.clip, request.image, request.last, *(path for _, path in request.images)]
    files = [path for path in (*files, *(shot.image for shot in request.shots)) if path]
    changes: dict[str, Any] = {}
    if request.size == "auto":
        about = clips.look(files[0]) if files else None
        changes["size"] = sizes.size_text(*(natural_size(about.height, about.width) if about else sizes.SIZES["square"]))
    if not request.prompt and request.shots:
        changes["prompt"] = " ".join(shot.text for shot in request.shots)[:2000]
    elif not request.prompt:
        changes["prompt"] = _prompt_inside(request.clip)
    if request.shots:
        changes["seconds"] = request.shots[-1].end
    if request.to and not request.then:
        changes["then"] = _prompt_inside(request.to, request.prompt)
    return dataclasses.replace(request, **changes)


def natural_size(height: int, width: int) -> tuple[int, int]:
    """The size at which a given picture is filmed: its own, or scaled to what the model knows, its shape kept if it can be."""
    long, short = TRAINED
    if min(height, width) < sizes.SHORTEST or min(height, width) > short or max(height, width) > long:
        scale = short / min(height, width)
        height, width = round(height * scale), round(width * scale)
    even = lambda side: max(sizes.SHORTEST, min(long, side) // 2 * 2)  # noqa: E731
    return even(height), even(width)


@dataclass
class Desk:
    """What a script is written from: the request, the canvas, and the files that were opened for it."""

    request: Request
    ruler: Ruler
    window: int
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        return sizes.parse_size(self.request.size)

    @property
    def canvas(self) -> tuple[int, int]:
        return self.ruler.cover(1, *self.size)[1:]

    @property
    def prompt(self) -> str:
        return self.request.expanded or self.request.prompt

    def said_of(self, path: str) -> str:
        """The prompt in the recipe of a file that was read; empty where there is none."""
        recipe = self.inputs[path].get("recipe", {})
        return str(recipe.get("expanded") or _said(recipe))

    def read(self, path: str, most: int | None = None, size: tuple[int, int] | None = None) -> np.ndarray:
        """The frames of a file at the film's rate and `size` (by default the film's)."""
        about = clips.look(path)
        if most is None:
            check_length(path, about.seconds)
        check_fit(path, about.height, about.width, size or self.size)
        most = most or round(MOST_SECONDS * self.request.fps) + 1
        frames = clips.read_clip(path, self.request.fps, size or self.size, most)
        if path not in self.inputs:
            self.inputs[path] = provenance(path)
            self._remark(path, about, len(frames))
        return frames

    def _remark(self, path: str, about: clips.Footage, frames: int) -> None:
        if about.torn:
            seconds = min(about.seconds, frames / self.request.fps)
            self.notes.append(f"{path}: ends early, at {seconds:.2g} of {about.promised:.3g} s. Is the file whole?")
        changed = (
            [f"{about.fps:.4g} fps became {self.request.fps:g}"]
            if about.fps and abs(about.fps - self.request.fps) > 0.1
            else []
        )
        changed += ["its sound is left out"] if about.audio else []
        if changed:
            self.notes.append(f"{path}: {', '.join(changed)}")
        if "recipe" not in self.inputs[path]:
            self.notes.append(f"{path}: not filmed by Skyloom; the model knows its toy world only, and may take it for that")

    def on_canvas(self, frames: np.ndarray) -> np.ndarray:
        """Frames of the film's size in the middle of the canvas, their edges drawn out."""
        (height, width), (rows, columns) = self.size, self.canvas
        top, left = (rows - height) // 2, (columns - width) // 2
        spare = ((0, 0), (top, rows - height - top), (left, columns - width - left), *((0, 0),) * (frames.ndim - 3))
        return np.pad(frames, spare, mode="edge") if (rows, columns) != (height, width) else frames

    def blank(self, frames: int) -> np.ndarray:
        return np.zeros((frames, *self.canvas, 3), np.uint8)

    def take(self, levels: np.ndarray, keep: tuple[int, int], **more: Any) -> Take:
        """A take with the request's one prompt."""
        more = {"prompts": (self.prompt,), "weights": np.ones((1, len(levels)), np.float32), **more}
        return Take(levels=levels, keep=keep, **more)


def check_length(path: str, seconds: float, most: float = MOST_SECONDS) -> None:
    """ValueError where a clip is longer than can be given."""
    if seconds > most:
        length = sizes.human_seconds(seconds)
        raise ValueError(f"{path}: is {length} long, at most {most:g} s can be given. Cut out what matters first.")


def check_fit(path: str, height: int, width: int, size: tuple[int, int]) -> None:
    """ValueError where a picture that is scaled to cover `size` and cut to it would show next to nothing of itself."""
    scale = max(size[0] / height, size[1] / width)
    shown = size[0] * size[1] / (scale**2 * height * width)
    if shown < LEAST_SHOWN:
        raise ValueError(
            f"{path}: is {width}x{height}, of which {sizes.size_text(*size)} would show {100 * shown:.0f} %. "
            "Try a size nearer to its shape, or cut it first."
        )


def provenance(path: str) -> dict[str, Any]:
    """Digest of a file, and the recipe inside it, if it has one."""
    with Path(path).open("rb") as file:
        made: dict[str, Any] = {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    try:
        recipe = read_recipe(path)
    except ValueError:
        return made
    return {**made, "recipe": recipe if len(json.dumps(recipe)) < CHAIN_BYTES else {"prompt": recipe.get("prompt", "")}}


def _prompt_inside(path: str, otherwise: str = "") -> str:
    recipe = provenance(path).get("recipe", {}) if clips.look(path) else {}
    prompt = _said(recipe) or otherwise
    if not prompt:
        raise ValueError(f"{path}: holds no recipe with a prompt. Say what it shows: add a prompt.")
    return prompt


def _said(recipe: dict[str, Any]) -> str:
    return str(recipe.get("then") or recipe.get("prompt") or "")


def flat(frames: int, level: float) -> np.ndarray:
    """One noise level for all frames: F 1 1."""
    return np.full((frames, 1, 1), level, np.float32)
