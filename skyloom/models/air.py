"""What falls and drifts through a film and twinkles over it, remembered: single drops, flakes, leaves, bubbles and stars, and
how each goes.

A flake is a few pixels, and a drop crosses the picture in half a second: in latents of 16 x 16 pixels and four frames each it
is four drops in as many cells, of which a flow draws blobs that stay where they are. So what falls is remembered, as the
pictures and the loops of nouns are: particles that were seen alone in the world, each with its pictures, its colour and its
way. A film has as many of them as the world has, anywhere (generate/falling).

Dimension key: N particles, L pictures of each, S T rows and columns of a picture, F frames of a way.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..config import AirConfig

KINDS = ("rain", "snow", "leaves", "bubbles", "stars")
UNIT = 256  # pixels of the short side of the picture that they were seen in, as films are large
SHAPES = {"rain": (34, 14), "snow": (12, 12), "leaves": (18, 18), "bubbles": (16, 16), "stars": (12, 12)}  # S T
TURNING = ("leaves", "stars")  # kinds whose pictures change
STANDING = ("stars",)  # those that stand in the sky, behind everything


class Swarm(NamedTuple):
    """Particles of one kind, by day or at night."""

    alpha_NLST: Tensor  # uint8, how opaque each pixel is
    ink_N3: Tensor  # uint8
    step_N2: Tensor  # right and down in short sides a frame, on average
    sway_NF2: Tensor  # how far off that each is in each frame of a round, in short sides
    many: float  # in a square picture


class Air(nn.Module):
    """A memory: nothing in it learns by gradients."""

    def __init__(self, config: AirConfig):
        super().__init__()
        many, frames = config.particles, config.frames
        for k in range(2 * len(KINDS)):
            kind = KINDS[k // 2]
            pictures = frames if kind in TURNING else 1
            self.register_buffer(f"alpha_{k}", torch.zeros(many, pictures, *SHAPES[kind], dtype=torch.uint8))
            self.register_buffer(f"ink_{k}", torch.zeros(many, 3, dtype=torch.uint8))
            self.register_buffer(f"step_{k}", torch.zeros(many, 2))
            self.register_buffer(f"sway_{k}", torch.zeros(many, frames, 2))
            self.register_buffer(f"count_{k}", torch.zeros(()))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        """A memory that was kept before there was a kind knows none of it."""
        for k in range(2 * len(KINDS)):
            if f"{prefix}count_{k}" not in state_dict:
                state_dict |= {prefix + name: part for name, part in self.named_buffers() if name.endswith(f"_{k}")}
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def swarm(self, kind: int) -> Swarm:
        """The particles that `number` counts so."""
        alpha, ink, step, sway = (self.get_buffer(f"{name}_{kind}") for name in ("alpha", "ink", "step", "sway"))
        return Swarm(alpha, ink, step, sway, float(self.get_buffer(f"count_{kind}")))

    def keep(self, kind: int, swarm: Swarm) -> None:
        """Remember these."""
        for name, part in zip(("alpha", "ink", "step", "sway"), swarm, strict=False):
            assert isinstance(part, Tensor)
            self.get_buffer(f"{name}_{kind}").copy_(part)
        self.get_buffer(f"count_{kind}").fill_(swarm.many)


def number(kind: str, dark: bool) -> int:
    """Which swarm is meant."""
    return 2 * KINDS.index(kind) + dark
