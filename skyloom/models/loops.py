"""Moving pictures that a model remembers: the loop of each noun that moves in itself, as a small film.

A transformer learns what things look like from one picture of each (models/looks). How a cat lifts its feet is remembered too,
as AV1 in Matroska, colours above alpha, in one safetensors file of bytes; each is decoded when it is asked for.

Dimension key: N pictures of a loop, S pixels a side.
"""

import functools
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
import numpy as np
import torch

from ..base.checkpoint import read_weights, save_weights

FPS = 12  # pictures a second
CODEC, QUALITY = "libsvtav1", {"crf": "38", "preset": "4", "svtav1-params": "lp=1"}
NOTHING = 8  # of 255: less of alpha is what the codec left around a picture
Change = Callable[[np.ndarray], np.ndarray]  # of one picture, uint8 premultiplied RGBA (S, S, 4)


@dataclass(frozen=True)
class Loops:
    """By the first name of each look; `changed` says how the pictures of some are to be altered, None that they have none."""

    films: Mapping[str, bytes]
    changed: Mapping[str, Change | None] = field(default_factory=dict)

    def pictures(self, name: str) -> np.ndarray | None:
        """uint8 premultiplied RGBA (N, S, S, 4), one after the other at FPS; None of a name that does not move."""
        change = self.changed.get(name, _same)
        if name not in self.films or change is None:
            return None
        pictures = decoded(self.films[name])
        return pictures if change is _same else np.stack([change(picture) for picture in pictures])

    def altered(self, names: Iterable[str], change: Change | None) -> "Loops":
        """The same with the pictures of some names changed, or left out."""
        return Loops(self.films, {**self.changed, **dict.fromkeys(names, change)})

    def save(self, path: Path) -> None:
        whole = {name: torch.frombuffer(bytearray(film), dtype=torch.uint8) for name, film in self.films.items()}
        save_weights(path, whole)

    @classmethod
    def load(cls, path: Path) -> "Loops":
        """ValueError where the file is none."""
        return cls({name: bytes(film.numpy()) for name, film in read_weights(path)[0].items()})


def encoded(pictures_NSS4: np.ndarray) -> bytes:
    """uint8 premultiplied RGBA -> the film that is kept of it."""
    file = io.BytesIO()
    side = pictures_NSS4.shape[1]
    with av.open(file, "w", format="matroska") as box:
        stream = cast(av.VideoStream, box.add_stream(CODEC, rate=FPS, options=QUALITY))
        stream.width, stream.height, stream.pix_fmt = side, 2 * side, "yuv420p"
        for picture in pictures_NSS4:
            halves = np.concatenate([picture[..., :3], np.repeat(picture[..., 3:], 3, 2)])
            box.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(halves), format="rgb24")))
        box.mux(stream.encode())
    return file.getvalue()


@functools.lru_cache(maxsize=16)
def decoded(film: bytes) -> np.ndarray:
    """The way back, read-only."""
    with av.open(io.BytesIO(film), "r") as box:
        halves = np.stack([frame.to_ndarray(format="rgb24") for frame in box.decode(video=0)])
    colours, alpha = np.split(halves, 2, 1)
    alpha = alpha.mean(3, keepdims=True).round().astype(np.uint8)
    alpha[alpha < NOTHING] = 0
    pictures = np.concatenate([np.minimum(colours, alpha), alpha], 3)
    pictures.flags.writeable = False
    return pictures


def _same(picture: np.ndarray) -> np.ndarray:
    return picture
