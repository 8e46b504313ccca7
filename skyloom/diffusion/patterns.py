"""Every task is a pattern of noise levels over the latent grid: 0 = given, 1 = unknown, between = known about.

`training_levels` draws the mix that one model is trained on; `Pattern` holds what a request gives.
Dimension key: B batch, C channels, T H W latent cells.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .flow import draw_levels

KINDS = ("equal", "prefix", "ends", "ramp", "independent")
SINK_NOISE = 0.3  # given frames are sometimes shown this noisy, with their true level, so that rollouts do not drift


@dataclass(frozen=True)
class Pattern:
    """What is known of a film before it is made: `given` latents and how unknown each cell is."""

    levels_BTHW: Tensor  # 0..1, any of T H W may be 1
    given_BCTHW: Tensor | None = None  # needed where a level is below 1
    held: int = 0  # latent frames at the beginning that stay at their level: looked at, never changed

    def to(self, device: torch.device) -> "Pattern":
        given = None if self.given_BCTHW is None else self.given_BCTHW.to(device)
        return Pattern(self.levels_BTHW.to(device), given, self.held)

    def at(self, time: float) -> Tensor:
        """t_BTHW when sampling has come from 1 down to `time`: every cell reaches 0 with the others, but for those held."""
        t = self.levels_BTHW * time
        return torch.cat([self.levels_BTHW[:, : self.held], t[:, self.held :]], 1) if self.held else t

    def start(self, noise_BCTHW: Tensor) -> Tensor:
        """Latents at the beginning of sampling."""
        if self.given_BCTHW is None:
            return noise_BCTHW
        t = self.levels_BTHW[:, None]
        return (1 - t) * self.given_BCTHW + t * noise_BCTHW


def unknown(shape: tuple[int, ...]) -> Pattern:
    """Text alone: every cell of a B C T H W film is noise."""
    return Pattern(torch.ones(shape[0], shape[2], 1, 1))


def given_frames(z_BCTHW: Tensor, known_T: Tensor) -> Pattern:
    """Animate, extend, connect: frames where `known_T` is True are given by z, the rest is unknown."""
    levels = (~known_T).float().view(1, -1, 1, 1).expand(len(z_BCTHW), -1, 1, 1)
    return Pattern(levels, z_BCTHW)


def lifted(z_BCTHW: Tensor, strength: float) -> Pattern:
    """Edit: the whole clip raised to level `strength` (SDEdit, arXiv 2108.01073)."""
    return Pattern(torch.full((len(z_BCTHW), z_BCTHW.shape[2], 1, 1), strength), z_BCTHW)


def region(z_BCTHW: Tensor, unknown_BTHW: Tensor) -> Pattern:
    """Inpaint and outpaint: cells where the mask is 1 are unknown."""
    return Pattern(unknown_BTHW.float(), z_BCTHW)


def levels_of_pixels(levels_FHW: Tensor, chunk: int, stride: int, patch: int, opens: bool = True) -> Tensor:
    """Levels of pixels -> t_BTHW of cells, as unknown as the least known pixel that they touch.

    F is 1 + a multiple of `chunk` where the frames open a film, else a multiple; H and W are both 1, or multiples of stride and
    patch. A cell of the lapped transform reaches half a stride beyond its border; the cells of a patch share one level.
    """
    first, rest = levels_FHW.split([1, len(levels_FHW) - 1]) if opens else levels_FHW.split([0, len(levels_FHW)])
    levels = torch.cat([first, rest.unflatten(0, (-1, chunk)).amax(1)])[:, None] if len(rest) else first[:, None]
    if levels.shape[-1] > 1:
        levels = F.max_pool2d(levels, 2 * stride, stride, stride // 2)
        levels = F.interpolate(F.max_pool2d(levels, patch), scale_factor=patch)
    return levels.transpose(0, 1)


def training_levels(
    batch: int, grid: tuple[int, int, int], mix: tuple[float, ...], shift: float, uniform: float, rng: torch.Generator
) -> Tensor:
    """Levels t_BTHW of a training batch, each sample with a pattern drawn from `mix` (shares of KINDS)."""
    frames, rows, columns = grid
    level = draw_levels((batch, 1, 1, 1), shift, uniform, rng)
    if frames == 1:
        return level
    kinds = torch.multinomial(torch.tensor(mix), batch, replacement=True, generator=rng)
    each = draw_levels((batch, frames, 1, 1), shift, uniform, rng)
    lengths = torch.randint(1, frames, (batch,), generator=rng)
    shown = torch.rand((batch,), generator=rng)
    known = torch.where(shown < 0.2, shown * SINK_NOISE * 5, 0.0)[:, None]  # a fifth of what is given is noisy, 0..0.3
    place, equal = torch.arange(frames), level[:, :, 0, 0]
    given = torch.where(lengths < frames - 1, lengths, 1)[:, None]
    ramp = (torch.linspace(0, 1, frames) + equal * 2 - 1).clamp(0, 1)
    levels = {
        "equal": equal.expand(-1, frames),
        "prefix": torch.where(place < given, known, equal),
        "ends": torch.where((place == 0) | (place == frames - 1), known, equal),
        "ramp": torch.where(place == 0, 0.0, ramp),
        "independent": each[:, :, 0, 0],
    }
    t = torch.stack([levels[kind] for kind in KINDS])[kinds, torch.arange(batch)].view(batch, frames, 1, 1)
    if mix[4] > 0 and torch.rand((), generator=rng) < mix[4]:
        return _with_regions(t, rows, columns, rng)
    return t


def _with_regions(t: Tensor, rows: int, columns: int, rng: torch.Generator) -> Tensor:
    """Gives a random rectangle (or all but it) in half of the batch: the pattern of inpainting and outpainting."""
    t = t.expand(-1, -1, rows, columns).clone()
    for b in range(0, len(t), 2):
        y0, y1 = sorted(torch.randint(0, rows // 2 + 1, (2,), generator=rng).tolist())
        x0, x1 = sorted(torch.randint(0, columns // 2 + 1, (2,), generator=rng).tolist())
        inside = torch.zeros(rows, columns, dtype=torch.bool)
        inside[2 * y0 : 2 * y1, 2 * x0 : 2 * x1] = True
        if torch.rand((), generator=rng) < 0.5:
            inside = ~inside
        if not inside.all():
            t[b, :, inside] = 0
    return t
