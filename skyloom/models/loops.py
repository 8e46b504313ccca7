"""Moving pictures that a model remembers: the loop of each noun that moves in itself.

A transformer learns what things look like from one picture of each (models/looks). How a cat lifts its feet is remembered too,
as a small film in one safetensors file of bytes; each is decoded when it is asked for.

Dimension key: N pictures of a loop, S pixels a side.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..base.checkpoint import read_weights, save_weights
from ..base.video import pack_sprites, unpack_sprites

FPS = 12  # pictures a second
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
        pictures = _unpacked(self.films[name])
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


def _same(picture: np.ndarray) -> np.ndarray:
    return picture


def encoded(pictures_NSS4: np.ndarray) -> bytes:
    """uint8 premultiplied RGBA -> the film that is kept of it."""
    return pack_sprites(pictures_NSS4, FPS)


_unpacked = functools.lru_cache(maxsize=16)(unpack_sprites)
