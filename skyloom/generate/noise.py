"""The noise that a film, or its plan, is made from."""

import dataclasses

import torch
from torch import Tensor

from .request import Request


class Noise:
    """The noise of a film, latent frame after latent frame: that of `seeds`, each turned towards the next by its `vary`.
    `salt`, added to all seeds, makes another."""

    def __init__(self, request: Request, channels: int, cells: tuple[int, int], salt: int = 0):
        trail = [*request.seeds, (request.seed, request.vary if request.seeds else 1.0)]
        turns = [turn if i else 1.0 for i, (_, turn) in enumerate(trail)]
        self.sources = [
            (torch.Generator().manual_seed(seed + salt), turn) for (seed, _), turn in zip(trail, turns, strict=True)
        ]
        self.cells, self.shape = cells, (channels, *cells)

    def draw(self, frames: int) -> Tensor:
        """The next 1 C frames H W."""
        channels, rows, columns = self.shape
        mixed = torch.zeros(())
        for rng, turn in self.sources:
            fresh = torch.stack([torch.randn(channels, rows, columns, generator=rng) for _ in range(frames)], 1)[None]
            angle = torch.tensor(turn * torch.pi / 2)
            mixed = torch.cos(angle) * mixed + torch.sin(angle) * fresh if turn < 1 else fresh  # on the sphere: still noise
        return mixed


def origin_of(request: Request) -> Request | None:
    """Whose variation a film is: the request with the last seed that nothing is left of any other in; None of no variation."""
    if not request.seeds or request.vary == 1:
        return None
    whole = [seed for i, (seed, turn) in enumerate(request.seeds) if i == 0 or turn == 1]
    return dataclasses.replace(request, seed=whole[-1], seeds=(), vary=0.0)
