"""The one sampling loop. It knows neither prompts nor progress bars: it calls `velocity(z, t)` and yields z after each step."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from .flow import Velocity, shift_levels
from .patterns import Pattern


def schedule(steps: int, shift: float) -> Tensor:
    """steps + 1 times from 1 to 0, denser near noise for shift > 1."""
    return shift_levels(torch.linspace(1, 0, steps + 1), shift)


def sample(velocity: Velocity, noise_BCTHW: Tensor, pattern: Pattern, times: Tensor) -> Iterator[Tensor]:
    """Euler steps along the flow.

    Each cell starts at its own level of the pattern and reaches 0 with the others: at time s its level is `level * s`.
    """
    z = pattern.start(noise_BCTHW)
    for now, then in itertools.pairwise(times.tolist()):
        t, t_next = pattern.levels_BTHW * now, pattern.levels_BTHW * then
        z = z + (t_next - t)[:, None] * velocity(z, t)
        yield z


def guided(conditional: Velocity, both: Velocity, guidance: float, interval: tuple[float, float]) -> Velocity:
    """Classifier-free guidance inside an interval of noise levels only (arXiv 2404.07724).

    `conditional` maps B films; `both` maps 2B films, prompts first, then the empty (or negative) prompt.
    """

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        highest = float(t.max())
        if guidance == 1 or not interval[0] <= highest <= interval[1]:
            return conditional(z, t)
        with_prompt, without = both(torch.cat([z, z]), torch.cat([t, t])).chunk(2)
        return without + guidance * (with_prompt - without)

    return velocity
