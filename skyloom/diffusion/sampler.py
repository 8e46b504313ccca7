"""The one sampling loop. It knows neither prompts nor progress bars: it calls `velocity(z, t)` and yields z after each step."""

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from .flow import Velocity, shift_levels
from .patterns import Pattern


def schedule(steps: int, shift: float) -> Tensor:
    """steps + 1 times from 1 to 0, denser near noise for shift > 1."""
    return shift_levels(torch.linspace(1, 0, steps + 1), shift)


def sample(velocity: Velocity, noise_BCTHW: Tensor, pattern: Pattern, times: Tensor) -> Iterator[Tensor]:
    """Euler steps along the flow.

    Each cell starts at its own level of the pattern and reaches 0 with the others (see Pattern.at).
    """
    z = pattern.start(noise_BCTHW)
    for now, then in itertools.pairwise(times.tolist()):
        t, t_next = pattern.at(now), pattern.at(then)
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


def mixed(v_PCTHW: Tensor, weights_PT: Tensor) -> Tensor:
    """Velocities of one film under several prompts -> the one where each counts as its weight says, frame by frame."""
    return (weights_PT[:, None, :, None, None] * v_PCTHW).sum(0, keepdim=True)


class Watched:
    """A velocity that remembers what it last took the film to be: `estimate`, z_BCTHW without its noise."""

    def __init__(self, velocity: Velocity):
        self.velocity = velocity
        self.estimate: Tensor | None = None

    def __call__(self, z: Tensor, t: Tensor) -> Tensor:
        v = self.velocity(z, t)
        self.estimate = z - t[:, None] * v
        return v


class Ring:
    """A closed ring of `count` latent frames, cut open at another place at each turn, so that none is always at an end."""

    def __init__(self, count: int):
        self.count, self.cut = count, 0

    def turn(self) -> None:
        self.cut = (self.cut + max(1, round(0.382 * self.count))) % self.count  # the golden section: places come round evenly

    def opened(self, x: Tensor, dim: int = 2) -> Tensor:
        """Frames in the order of the ring -> from the cut on."""
        return x.roll(-self.cut, dim)

    def closed(self, x: Tensor, dim: int = 2) -> Tensor:
        """The way back."""
        return x.roll(self.cut, dim)


def looped(velocity: Velocity, still: Callable[[Tensor], Tensor], first_BC1HW: Tensor, ring: Ring) -> Velocity:
    """The velocity of a ring of latent frames without beginning or end, from one that wants a first frame of its own.

    At each call the ring is turned, so that every place is seen in the middle; before it stands the frame that it closes on,
    which `still` makes from the latent frame before it, at the same noise level (as in Mobius, arXiv 2502.20307, for a causal
    tokenizer). `first_BC1HW` is the noise of that frame.
    """
    estimate: Tensor | None = None

    def around(z: Tensor, t: Tensor) -> Tensor:
        nonlocal estimate
        level = t[:, None, :1]
        first = first_BC1HW if estimate is None else ring.opened(estimate)[:, :, -1:]
        before = first if estimate is None else (1 - level) * still(first) + level * first_BC1HW
        levels = torch.cat([t[:, :1], ring.opened(t.expand(-1, ring.count, -1, -1), 1)], 1)
        v = ring.closed(velocity(torch.cat([before, ring.opened(z)], 2), levels)[:, :, 1:])
        estimate = z - t[:, None] * v
        ring.turn()
        return v

    return around
