"""The clips that evaluations look at: drawn (real), through the tokenizer (reconstructed), or generated from captions.

What is slow to make is kept: OUT/clips/WEIGHTS/NAME.npz, each written whole, so that an evaluation that was killed goes on
where it was. Kept clips are frames_THWC uint8 with 128 pixels on the short side, which is what every judge looks at.
"""

import hashlib
import io
import os
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..base.sizes import human_seconds, size_text
from ..generate import Request, fingerprint, generate
from ..worlds.captions import caption
from ..worlds.sample import sample_scene
from ..worlds.scene import Scene
from ..worlds.storybook import render

if TYPE_CHECKING:
    from ..models.bundle import Bundle
    from ..models.probe import Probe

SHORT = 128  # pixels of the short side that judges look at
STREAM = 900_000  # seeds of evaluation scenes: none that a trainer uses
FPS = 12


@dataclass
class Bench:
    """What an evaluation works with."""

    model: str
    bundle: "Bundle"
    reader: "Probe | None"  # see `probe`
    out: Path
    n: int = 64
    seed: int = 0
    size: tuple[int, int] = (256, 256)  # height, width of the films
    weights: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def probe(self) -> "Probe":
        """The network that reads clips; FileNotFoundError where none has been trained."""
        if self.reader is None:
            raise FileNotFoundError("no probe for this evaluation. Run `skyloom train probe`, or give its folder with --probe.")
        return self.reader

    def __post_init__(self) -> None:
        self.weights = self.weights or fingerprint(self.bundle)

    def kept(self, name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The clip of that name: read from disk, or made, shrunk to SHORT and kept."""
        path = self.out / "clips" / self.weights / f"{name}.npz"
        if path.is_file():
            try:
                with np.load(io.BytesIO(path.read_bytes())) as file:
                    return file["frames"]
            except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
                path.unlink()  # cut short by a full disk: make it again
        frames = shrunk(make())
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.npz")
        np.savez_compressed(beside, frames=frames)
        os.replace(beside, path)
        return frames

    def real(self, scene: Scene, frames: int) -> np.ndarray:
        return shrunk(render(scene, *self.size, frames, FPS))  # type: ignore[arg-type]

    def reconstructed(self, scene: Scene, frames: int) -> np.ndarray:
        """The scene as the tokenizer gives it back."""
        name = f"reconstructed-{frames}-{_digest(scene.to_json(), size_text(*self.size))}"
        return self.kept(name, lambda: through_tokenizer(self.bundle, render(scene, *self.size, frames, FPS)))  # type: ignore[arg-type]

    def generated(self, prompt: str, frames: int, seed: int, quality: str = "good") -> np.ndarray:
        """The film of a prompt."""
        request = Request(prompt, seconds=frames / FPS, size=size_text(*self.size), seed=seed, quality=quality)
        settled = request.resolved()
        name = f"generated-{frames}-{quality}-{seed}-{_digest(prompt, request.size, settled.steps, settled.guidance)}"
        return self.kept(name, lambda: generate(request, self.bundle).frames)

    def say(self, what: str, done: int, of: int) -> None:
        """One line of progress, on a terminal over the line before."""
        if sys.stderr.isatty() or done == of:
            end = "\n" if done == of else ""
            print(f"\r{what} {done}/{of}, {human_seconds(time.monotonic() - self.began)} so far ", end=end, file=sys.stderr)


def scenes(split: str, frames: int, n: int, seed: int = 0, first: int = 0, max_actors: int = 4) -> list[Scene]:
    """Scenes of a split that fill `frames` frames, always the same ones; the first of a larger n are those of a smaller n."""
    seconds = max(frames, 17) / FPS
    return [sample_scene(STREAM + seed, first + i, split=split, seconds=seconds, max_actors=max_actors) for i in range(n)]


def prompt_of(scene: Scene, language: str = "en", style: str = "dense", frames: int = 17) -> str:
    return caption(scene, language, style, still=frames == 1)


def shrunk(frames_THWC: np.ndarray) -> np.ndarray:
    """Frames with SHORT pixels on the short side; smaller ones as they are."""
    height, width = frames_THWC.shape[1:3]
    scale = SHORT / min(height, width)
    if scale >= 1:
        return frames_THWC
    size = (round(width * scale), round(height * scale))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames_THWC])


def through_tokenizer(bundle: "Bundle", frames_THWC: np.ndarray) -> np.ndarray:
    """Encode and decode; frames uint8 in and out."""
    import torch

    from ..models.bundle import autocast
    from ..models.vae import to_frames, to_video

    device = next(bundle.vae.parameters()).device
    with torch.inference_mode(), autocast(device):
        z = bundle.vae.encode(to_video(frames_THWC).to(device))
        parts = [z[:, :, i : i + 3] for i in range(0, z.shape[2], 3)]
        drawn = torch.cat([part.cpu() for part in bundle.vae.decode_stream(parts)], 2)
    return to_frames(drawn)


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]
