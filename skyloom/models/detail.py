"""What is fine in a film, and does not stand out: a small network draws the ground anew where nobody is, over what is coarse.

Most of the noise of a latent cell lies on channels that hardly show in the loss of the large model: a blade of grass has a
thousandth of the energy of the sky. It leaves them bland, and still, and that is where one sees that a camera moves. Here they
are divided by their deviations and drawn from noise by a flow of their own, given the strongest channels, the place, and how
the camera goes: what moves one way all over a film is easy to draw for who is told which way. A cascade, but along channels
in place of sizes (compare Cascaded Diffusion, arXiv 2106.15282; what is given is noised a little as there). Bodies are left
alone: their cells are given. Convolutions: any size, any length.

Dimension key: B batch, C latent channels, K coarse ones, G = C - K fine ones, T latent frames, H W cells, D width, V numbers
that say how a cell moves with the camera.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import DetailConfig
from .dit import LocalBlock, channels_last, precondition, rms_map
from .layers import Conv, wave

LEVELS = 64  # numbers that say how much noise there is
VIEWS = 15  # V
PACE = 10.0  # of a camera's way between latent frames, which is short, to numbers near 1
SPREADS = -5.0, 2.0  # least and most logarithm of the deviation that it expects of a number
PLACES = 32  # room for places; number 0 is one that nobody knows


class Detail(nn.Module):
    """v(fine, t, coarse, view, place): the velocity of the fine channels, divided by `gain_C[K:]`.

    Where it is smooth all of them are nearly 0, at an edge all are large: so the network says for every number how far it may
    be from 0, and adds to the best linear guess for that (as in dit.precondition, with a deviation for each number).

    `gain_C` holds deviations of all channels; few steps of a small network draw too faintly, `loud_C` says by how much."""

    gain_C: Tensor
    loud_C: Tensor

    def __init__(self, config: DetailConfig, channels: int):
        super().__init__()
        width, self.coarse = config.width, min(config.coarse, channels - 1)
        self.register_buffer("gain_C", torch.ones(channels))
        self.register_buffer("loud_C", torch.ones(channels))
        self.time = nn.Linear(LEVELS, width)
        self.view_in, self.view_out = nn.Linear(VIEWS, width), nn.Linear(width, width)
        self.place = nn.Embedding(PLACES, width)
        self.opening = nn.Embedding(2, width)  # a clip's first latent frame is a frame of its own, the others are four
        self.modulation = nn.Linear(width, 2 * width)
        self.enter = Conv(channels, width)
        self.blocks = nn.ModuleList(LocalBlock(width) for _ in range(config.depth))
        self.leave = Conv(width, channels - self.coarse)
        self.spread = nn.Conv2d(width, channels - self.coarse, 1)
        for layer in (self.modulation, self.leave, self.spread):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(
        self, fine_BGTHW: Tensor, t_BTHW: Tensor, coarse_BKTHW: Tensor, view_BTHWV: Tensor, place_B: Tensor, opens_B: Tensor
    ) -> Tensor:
        """Noisy fine channels and the noise levels of their cells, coarse ones, what `view_of` says, numbers of places, and
        whether the first latent frame is a clip's first -> velocity, like fine_BGTHW. All channels are divided by gains."""
        batch, _, frames, rows, columns = fine_BGTHW.shape
        first = F.pad(opens_B.long()[:, None], (0, frames - 1))
        level = self.time(wave(t_BTHW.expand(-1, frames, rows, columns), LEVELS))
        view = self.view_out(F.silu(self.view_in(view_BTHWV)))
        known = self.place(place_B)[:, None] + self.opening(first)
        condition = F.silu(level + view + known[:, :, None, None])
        modulation = rearrange(self.modulation(condition), "B T H W D -> (B T) D H W")
        x = torch.cat([coarse_BKTHW, fine_BGTHW], 1)
        x = self.enter(channels_last(rearrange(x, "B C T H W -> (B T) C H W")))
        for block in self.blocks:
            x = block(x, *modulation.chunk(2, 1), frames)
        x = rms_map(x)
        v, spread = (rearrange(y.float(), "(B T) C H W -> B C T H W", B=batch) for y in (self.leave(x), self.spread(x)))
        _, beside, out = precondition(t_BTHW[:, None], spread.clamp(*SPREADS).exp())
        return beside * fine_BGTHW + out * v


def view_of(camera_BT5: Tensor | None, shape: tuple[int, int, int, int]) -> Tensor:
    """How every cell moves between latent frames: view_BTHWV of a `shape` B T H W.

    The camera is as worlds.storybook.cameras has it, of None nobody knows how it goes.
    """
    batch, frames, rows, columns = shape
    known = camera_BT5 is not None
    camera = torch.zeros(batch, frames, 5) if camera_BT5 is None else camera_BT5.float()
    unit = min(rows, columns)
    y, x = ((torch.arange(n, device=camera.device) + 0.5 - n / 2) / unit for n in (rows, columns))
    y, x = y[:, None].expand(rows, columns), x.expand(rows, columns)
    step = PACE * camera[..., :3].diff(dim=1)
    before, after = F.pad(step, (0, 0, 1, 0)), F.pad(step, (0, 0, 0, 1))
    spread = lambda value: value[:, :, None, None].expand(batch, frames, rows, columns)  # noqa: E731
    maps = [x.expand(batch, frames, -1, -1), y.expand(batch, frames, -1, -1)]
    for way in (before, after):
        across, down, closer = (spread(way[..., i]) for i in range(3))
        maps += [across, down, closer, closer * x, closer * y]
    horizon = y * unit / rows + 0.5 - spread(camera[..., 4]) if known else torch.zeros_like(maps[2])
    maps += [spread(camera[..., 3]), horizon, torch.full_like(horizon, float(known))]
    return torch.stack(maps, -1)
