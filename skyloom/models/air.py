"""What falls and drifts through a film: a small network draws rain, snow, leaves and bubbles, to be laid over what was painted.

A flake is a few pixels. In latents it is a tenth of the noise in a hundred numbers, settled in the last steps, if at all, and
lost again where neighbours in time are averaged (models/steady): the large model's films stay dry whatever they are told. Here
particles are alone, every channel has a deviation of 1, and they are drawn from noise by the same flow as everything else.
The tokenizer's way into latents is linear, so that what is drawn can simply be added to a film. It is told which kind, and
whether it is dark, and learns from the world's own (worlds/weather). Convolutions alone: any size, any length.

Dimension key: B batch, C latent channels, T latent frames, H W cells, D width.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import AirConfig
from .dit import LocalBlock, channels_last, rms_map
from .layers import wave

KINDS = ("rain", "snow", "leaves", "bubbles")
GROUNDS = 127, 45  # grey levels that it is drawn over, by day and by night
LEVELS = 64  # numbers that say how much noise there is


class Air(nn.Module):
    """v(air, t, kind): the velocity of what is to be added to latents, divided by `gain_C`, its channels' deviations.

    A small network and few steps draw too faintly: `loud_K` says for each kind by how much, once it has learned."""

    gain_C: Tensor
    loud_K: Tensor

    def __init__(self, config: AirConfig, channels: int):
        super().__init__()
        width = config.width
        self.register_buffer("gain_C", torch.ones(channels))
        self.register_buffer("loud_K", torch.ones(2 * len(KINDS)))
        self.kind = nn.Embedding(2 * len(KINDS), width)
        self.opening = nn.Embedding(2, width)  # a clip's first latent frame is a frame of its own, the others are four
        self.time = nn.Sequential(nn.Linear(LEVELS, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 2 * width)
        self.enter = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = nn.ModuleList(LocalBlock(width) for _ in range(config.depth))
        self.leave = nn.Conv2d(width, channels, 3, padding=1)
        for layer in (self.modulation, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, z_BCTHW: Tensor, t_BT11: Tensor, kind_B: Tensor, opens: bool) -> Tensor:
        """Noisy air, the noise levels of its frames, what `number` says of each, and whether its first latent frame is a
        clip's first -> velocity, like z_BCTHW."""
        batch, _, frames = z_BCTHW.shape[:3]
        first = torch.zeros(frames, dtype=torch.long, device=z_BCTHW.device)
        first[0] = int(opens)
        levels = self.time(wave(t_BT11.flatten(1).expand(-1, frames), LEVELS))
        condition = F.silu(levels + self.kind(kind_B)[:, None] + self.opening(first))
        modulation = rearrange(self.modulation(condition), "B T D -> (B T) D 1 1")
        x = self.enter(channels_last(rearrange(z_BCTHW, "B C T H W -> (B T) C H W")))
        for block in self.blocks:
            x = block(x, *modulation.chunk(2, 1), frames)
        return rearrange(self.leave(rms_map(x)).float(), "(B T) C H W -> B C T H W", B=batch)


def number(kind: str, dark: bool) -> int:
    """Which row of Air.kind is meant."""
    return 2 * KINDS.index(kind) + dark
